"""The interface of every update rule, as in optax: `init` and `update` with explicit state."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray
from pydantic import BaseModel

from metaplastic.base_model import Phi
from metaplastic.errors import ConfigError
from metaplastic.settings import AnySettings


class RuleState(eqx.Module):
    """The state that a rule carries from one inner step to the next besides φ; empty by default.

    A rule that needs state (momentum, running statistics) extends this class. The step counter is
    not part of it: `metaplastic.inner_loop` owns the counter.
    """


class Rule(eqx.Module):
    """An unsupervised update rule. Its inexact arrays are θ, the meta-parameters.

    A rule sees φ, its own state and a minibatch of inputs, but no labels. Settings are static
    fields, passed to `create` as keywords and read back through `settings`.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[BaseModel]] = AnySettings
    """The pydantic model of the rule's settings. It validates configurations, and `metaplastic
    settings` lists its fields. A rule without it gets its settings unchecked."""

    @classmethod
    @abc.abstractmethod
    def create(cls, key: PRNGKeyArray, **settings: Any) -> Rule:
        """Create a rule with freshly drawn θ. Raises `ConfigError` if a setting is invalid."""

    @property
    @abc.abstractmethod
    def settings(self) -> dict[str, Any]:
        """The settings with which `create` makes a rule of the same shape, JSON-serialisable."""

    @property
    def needs_backward(self) -> bool:
        """Whether φ must hold backward weights V."""
        return False

    def init(self, phi: Phi) -> RuleState:
        """Return the state at the start of an unroll."""
        del phi
        return RuleState()

    def grow(self, fresh: Rule) -> Rule:
        """Return this rule grown to the larger settings of `fresh`, with its updates unchanged.

        `fresh` provides the freshly drawn θ of the added parts. With identical settings, the rule
        itself is returned. Raises `ConfigError` if a rule of this kind cannot grow to them.
        """
        if (self.name, self.settings) == (fresh.name, fresh.settings):
            return self
        raise ConfigError(
            f"a rule of kind {self.name!r} with settings {self.settings} cannot grow into one of "
            f"kind {fresh.name!r} with {fresh.settings}; keep rule.name and rule.settings unchanged"
        )

    @abc.abstractmethod
    def update(
        self, phi: Phi, state: RuleState, x: Float[Array, "batch inputs"], t: Int[Array, ""]
    ) -> tuple[Phi, RuleState]:
        """Take one inner step on the minibatch `x` and return the next φ and the next state.

        `t` is the number of inner steps taken before this one, 0 for the first.
        """

"""The interface of every update rule, in optax's manner: `init` and `update`, state explicit."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray
from pydantic import BaseModel

from metaplastic.base_model import Phi
from metaplastic.errors import ConfigError


class RuleState(eqx.Module):
    """What a rule carries from one inner step to the next besides φ: nothing.

    A rule that needs more (momentum, running statistics) extends this class. The step counter is
    no part of it: `metaplastic.inner_loop` owns that one.
    """


class Rule(eqx.Module):
    """An unsupervised update rule. Its inexact arrays are θ, the meta-parameters.

    A rule sees φ, its own state and a minibatch of inputs, and no label. Settings are static
    fields, given to the constructor as keywords and read back by `settings`.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[BaseModel] | None] = None
    """The typed model of its settings, where it has one: configurations are checked by it, and the
    command `metaplastic settings` lists them."""

    @classmethod
    @abc.abstractmethod
    def create(cls, key: PRNGKeyArray, **settings: Any) -> Rule:
        """A rule with freshly drawn θ. Raises `ConfigError` on a setting it may not have."""

    @property
    @abc.abstractmethod
    def settings(self) -> dict[str, Any]:
        """The settings `create` needs to give a rule of the same shape; JSON-able."""

    @property
    def needs_backward(self) -> bool:
        """Whether φ must hold backward weights V."""
        return False

    def init(self, phi: Phi) -> RuleState:
        """The state at the start of an unroll."""
        del phi
        return RuleState()

    def grow(self, fresh: Rule) -> Rule:
        """This rule with the larger settings of `fresh`, whose θ is freshly drawn, its updates as
        they were; of its very settings, the rule itself. Raises `ConfigError` on a difference that
        a rule of this kind cannot grow over."""
        if (self.name, self.settings) == (fresh.name, fresh.settings):
            return self
        raise ConfigError(
            f"a rule of kind {self.name!r} with settings {self.settings} can't become one of kind "
            f"{fresh.name!r} with {fresh.settings}; give rule.name and rule.settings as they are"
        )

    @abc.abstractmethod
    def update(
        self, phi: Phi, state: RuleState, x: Float[Array, "batch inputs"], t: Int[Array, ""]
    ) -> tuple[Phi, RuleState]:
        """One inner step on the minibatch `x`: the next φ and the next state.

        `t` is the number of inner steps taken before this one, 0 at the first.
        """

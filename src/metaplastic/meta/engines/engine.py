"""The interface of engines, which compute the gradients of a meta-step."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Array, PyTree

from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.meta.engines.cluster import Cluster
    from metaplastic.meta.plan import Plan


@dataclass(frozen=True)
class Gathered:
    """The gradient of one meta-step, and numbers to report.

    `gradient` is None if no task gave a finite one. Counts are for this meta-step only. `more`
    holds counts that only some engines have; they are added to the metrics of the meta-step.
    """

    gradient: PyTree[Array | np.ndarray] | None
    loss: float
    gradient_norm: float
    truncations: int
    inner_steps: int
    dropped: int
    begun: int
    compile_seconds: float
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EngineOptions:
    """Where an engine computes. Nothing here affects the results, so that a run can continue on
    other machines; settings that affect them are in the run's config."""

    cluster: Cluster | None = None  # mesh: the processes, already connected
    address: str | None = None  # ray: the cluster to join; None starts one on loopback
    workers: int | None = None  # ray: most workers; None: one per core of the cluster
    worker_timeout: float = 300.0  # ray: seconds after which a silent worker is replaced
    in_flight: int = 1  # ray: open requests per worker
    fan_in: int | None = None  # ray: workers per helper; None: no helpers


class Engine(abc.ABC):
    """Owns the groups of tasks and advances them; the trainer owns θ."""

    synchronous: ClassVar[bool] = True
    """Whether its results equal those of `local`, so that either can continue the other's runs."""

    @classmethod
    @abc.abstractmethod
    def make(cls, plan: Plan, options: EngineOptions) -> Engine:
        """Make the engine for a run. Raises `ConfigError` if plan and devices do not fit."""

    @abc.abstractmethod
    def start(self, rule: Rule, meta_step: int = 0) -> None:
        """Start the tasks of all groups that the run has after `meta_step` meta-steps."""

    @abc.abstractmethod
    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        """Return the gradient at this θ and advance all groups by one estimate; then redraw the
        groups if that is due."""

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """Return the state that `restore` needs to continue: a pytree of arrays."""

    @abc.abstractmethod
    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        """Continue from `state`, in an engine started at the meta-step at which it was saved."""

    def close(self) -> None:
        """Release workers and devices."""
        return None

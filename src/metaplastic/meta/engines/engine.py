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
    """Gradients of one meta-step, and what to report of them.

    `gradient` is None where no task gave a finite one. Counts are of this meta-step alone.
    `more` holds counts that only some engines have; it goes into the meta-step's metrics.
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
    """Where an engine computes. Nothing here affects results, so that a run saved on some machines
    can continue on others; what affects them is in the run's config."""

    cluster: Cluster | None = None  # mesh: the processes, already joined
    address: str | None = None  # ray: a cluster to join; None starts one on loopback
    workers: int | None = None  # ray: most workers; None is one a core of the cluster
    worker_timeout: float = 300.0  # ray: seconds until a silent worker is replaced
    in_flight: int = 1  # ray: open requests of a worker
    fan_in: int | None = None  # ray: workers of a helper; None is without helpers


class Engine(abc.ABC):
    """Owns the groups of tasks and advances them; the trainer owns θ."""

    synchronous: ClassVar[bool] = True
    """Whether its results are those of `local`, so that each can continue a run of the other."""

    @classmethod
    @abc.abstractmethod
    def make(cls, plan: Plan, options: EngineOptions) -> Engine:
        """The engine for this run. Raises `ConfigError` where plan and devices do not fit."""

    @abc.abstractmethod
    def start(self, rule: Rule, meta_step: int = 0) -> None:
        """Begin every group's tasks, of the groups that a run has after `meta_step` meta-steps."""

    @abc.abstractmethod
    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        """Return the gradient at this θ and advance all groups by one estimate; groups that are due
        are redrawn after it."""

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold for `restore` to go on: a pytree of arrays."""

    @abc.abstractmethod
    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        """Continue from `state`, on an engine started at the meta-step at which it was saved."""

    def close(self) -> None:
        """Release workers and devices."""
        return None

"""The interface of engines: who computes a meta-step's gradients, and where."""

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
    """Where an engine computes. Nothing here decides a result, so that a run saved on some
    machines goes on on others; what does decide it is in the run's config."""

    cluster: Cluster | None = None  # mesh: the processes, already joined
    address: str | None = None  # ray: a cluster to join; None starts one on loopback
    workers: int | None = None  # ray: most workers; None is one a core of the cluster
    worker_timeout: float = 300.0  # ray: seconds until a silent worker is replaced
    in_flight: int = 1  # ray: gradients asked of a worker before the first one is back


class Engine(abc.ABC):
    """Owns the groups of tasks and advances them; the trainer owns θ."""

    synchronous: ClassVar[bool] = True
    """Whether it gives what `local` gives, so that either goes on with a run of the other."""

    @classmethod
    @abc.abstractmethod
    def make(cls, plan: Plan, options: EngineOptions) -> Engine:
        """The engine for this run. Raises `ConfigError` where plan and devices do not fit."""

    @abc.abstractmethod
    def start(self, rule: Rule, meta_step: int = 0) -> None:
        """Begin every group's tasks, of the groups that a run has after `meta_step` meta-steps."""

    @abc.abstractmethod
    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        """The gradient at this θ, all groups advanced by one estimate, or drawn anew after it where
        their time has come."""

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold for `restore` to go on: a pytree of arrays."""

    @abc.abstractmethod
    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        """Go on where `state` was saved, by an engine started at the same meta-step."""

    def close(self) -> None:
        """Let go of workers and devices."""
        return None

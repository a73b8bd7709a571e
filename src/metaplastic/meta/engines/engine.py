"""The interface of engines: who computes a meta-step's gradients, and where."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, PyTree

from metaplastic.rules import Rule


@dataclass(frozen=True)
class Gathered:
    """Gradients of one meta-step, and what to report of them.

    `gradient` is None where no task gave a finite one. Counts are of this meta-step alone.
    """

    gradient: PyTree[Array] | None
    loss: float
    gradient_norm: float
    truncations: int
    inner_steps: int
    dropped: int
    begun: int
    compile_seconds: float


class Engine(abc.ABC):
    """Owns the groups of tasks and advances them; the trainer owns θ."""

    @abc.abstractmethod
    def start(self, rule: Rule) -> None:
        """Begin every group's tasks."""

    @abc.abstractmethod
    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        """The gradient at this θ, all groups advanced by one estimate."""

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold for `restore` to go on to the bit: a pytree of arrays."""

    @abc.abstractmethod
    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        """Take up the groups where `state` was saved."""

    def close(self) -> None:
        """Let go of workers and devices."""
        return None

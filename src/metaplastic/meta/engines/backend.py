"""The interface through which engine `ray` and its helpers reach workers: requests and answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from metaplastic.meta.engines.engine import Gathered


class Request(NamedTuple):
    """A request to a worker for one gradient, identified by incarnation and sequence number."""

    incarnation: int
    sequence: int
    version: int  # the meta-step of its θ
    group: int
    renew: bool  # replace all tasks of the group first


class Report(NamedTuple):
    """What a helper reports with the mean of its workers' gradients: the requests they answer, how
    many of them were finite and therefore averaged, and what happened since its last report."""

    requests: tuple[Request, ...]
    averaged: int
    stale: int
    lost: int
    workers: int  # currently at work
    warnings: tuple[str, ...]


class Answer(NamedTuple):
    """The answer to a request, and the seconds that it took to compute.

    A helper's answer has a `report`; a worker's has none.
    """

    request: Request
    gathered: Gathered
    seconds: float
    report: Report | None = None

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests of the gradients it contains: one, except for a helper."""
        return (self.request,) if self.report is None else self.report.requests


class WorkerLost(Exception):
    """A worker died, was killed, or failed; the message is one line with the reason."""


@runtime_checkable
class Backend(Protocol):
    """The way to reach workers."""

    def capacity(self) -> int:
        """Return how many workers there is room for, including those at work."""
        ...

    def begin(self, incarnation: int) -> Any:
        """Start a worker and return its handle."""
        ...

    def end(self, handle: Any, *, lost: bool = False) -> None:
        """Stop a worker, whatever it is doing; one that is `lost` may be frozen."""
        ...

    def broadcast(self, theta: Any) -> Any:
        """Publish θ to all workers; return a reference to send instead of it."""
        ...

    def ask(self, handle: Any, theta: Any, request: Request) -> Hashable:
        """Have a worker start computing a gradient; return a ticket for the answer."""
        ...

    def wait(self, tickets: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Wait at most that long; return the tickets that have an answer."""
        ...

    def answer(self, ticket: Any) -> Answer:
        """Return the answer for a ticket. Raises `WorkerLost` if the worker is lost."""
        ...

    def close(self) -> None:
        """Leave the cluster."""
        ...

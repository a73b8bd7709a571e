"""How engine `ray` and its helpers reach the workers: what is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from metaplastic.meta.engines.engine import Gathered


class Request(NamedTuple):
    """A request for one gradient from a worker. Incarnation and sequence number identify it."""

    incarnation: int
    sequence: int
    version: int  # the meta-step whose θ it is of
    group: int
    renew: bool  # replace all tasks of the group first


class Report(NamedTuple):
    """What a helper says beside the mean of its workers' gradients: whose they are, how many of
    them were finite and so averaged, and what happened since it last reported."""

    requests: tuple[Request, ...]
    averaged: int
    stale: int
    lost: int
    workers: int  # at work now
    warnings: tuple[str, ...]


class Answer(NamedTuple):
    """What came back for a request, and the seconds its computation took.

    A helper's answer has a `report`; a worker's own gradient has none.
    """

    request: Request
    gathered: Gathered
    seconds: float
    report: Report | None = None

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests of the gradients in it: one, but for a helper's."""
        return (self.request,) if self.report is None else self.report.requests


class WorkerLost(Exception):
    """A worker died, was killed, or failed; says why in one line."""


@runtime_checkable
class Backend(Protocol):
    """How workers are reached."""

    def capacity(self) -> int:
        """How many workers there is room for, including those at work."""
        ...

    def begin(self, incarnation: int) -> Any:
        """Start a worker; its handle."""
        ...

    def end(self, handle: Any, *, lost: bool = False) -> None:
        """Stop a worker, whatever it is doing; one that is `lost` may be frozen."""
        ...

    def broadcast(self, theta: Any) -> Any:
        """Publish θ to all workers; return what to send in its place."""
        ...

    def ask(self, handle: Any, theta: Any, request: Request) -> Hashable:
        """Start the computation of a gradient by a worker; return a ticket for the answer."""
        ...

    def wait(self, tickets: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those of the tickets that have an answer, after at most that long."""
        ...

    def answer(self, ticket: Any) -> Answer:
        """The answer; raises `WorkerLost`."""
        ...

    def close(self) -> None:
        """Leave the cluster."""
        ...

"""A helper of engine `ray`: it averages the gradients of workers of its own for the trainer.

The trainer's time goes by messages, so that it is saturated by some thousand workers. A helper
does for its workers what the trainer does for all: the same `Collector`, with the same bound on
staleness. To the trainer it is a worker whose gradient is a mean, sent with the names of those that
are in it. It knows nothing of Ray, as the `Collector` does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from metaplastic.errors import RunError
from metaplastic.meta.engines.asynchronous import Collector
from metaplastic.meta.engines.averaging import combined, is_finite
from metaplastic.meta.engines.backend import Answer, Backend, Report, Request, WorkerLost

NAMES = 1024  # incarnations set aside for a helper's workers, those that replace lost ones included
LEAST, PART = 2, 4  # a message is the mean of two gradients or of a quarter of the workers'
# a helper answers within this part of `worker_timeout`, with what has come: so silence means loss
PATIENCE = 1 / 3
# so many helpers lost in a row: each has lost many workers in a row before
LOST_HELPERS_IN_A_ROW = 3


class Share(NamedTuple):
    """A helper's part, said with each request: as the cluster grows and shrinks it changes."""

    workers: int  # at most
    gradients: int  # in a message, at most


class Helper:
    """Averages the gradients of the workers behind a backend.

    Never twice and never shared: its workers' incarnations are the `NAMES` from its own on, which
    the trainer gives to nobody else.
    """

    def __init__(
        self,
        backend: Backend,
        n_groups: int,
        incarnation: int,
        *,
        max_staleness: int,
        in_flight: int = 1,
        worker_timeout: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._patience = PATIENCE * worker_timeout
        self._clock = clock
        self._warnings: list[str] = []
        self._end = incarnation + NAMES
        self._collector = Collector(
            backend,
            n_groups,
            max_staleness=max_staleness,
            is_finite=is_finite,
            in_flight=in_flight,
            worker_timeout=worker_timeout,
            warn=self._warnings.append,
            clock=clock,
        )
        self._collector.next_incarnation = incarnation

    def gradient(self, theta: Any, request: Request, share: Share) -> Answer:
        """The mean of the first gradients that come, at most `max_staleness` updates behind
        `request.version`; of fewer, or none, where few come for long.

        Raises `WorkerLost` where one worker after another is lost, or all names are used.
        """
        began = self._clock()
        room = min(self._backend.capacity(), share.workers)
        wanted = max(1, min(room, share.gradients, max(LEAST, room // PART)))
        try:
            found = self._collector.collect(theta, request.version, wanted, self._patience)
        except RunError as error:
            raise WorkerLost(str(error)) from None
        if self._collector.next_incarnation > self._end:
            raise WorkerLost(f"{NAMES} of its workers were lost")
        report = Report(
            requests=tuple(part for answer in found.answers for part in answer.requests),
            averaged=sum(is_finite(answer.gathered) for answer in found.answers),
            stale=found.stale,
            lost=found.lost,
            workers=found.workers,
            warnings=tuple(self._warnings),
        )
        self._warnings.clear()
        return Answer(request, combined(found, {}), self._clock() - began, report)

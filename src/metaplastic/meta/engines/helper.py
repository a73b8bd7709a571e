"""Helpers of engine `ray`: each averages the gradients of its own workers for the trainer.

The trainer spends time on every message, so that some thousand workers saturate it. A helper does
for its workers what the trainer does for all: it has the same `Collector`, with the same bound on
staleness. To the trainer, it looks like a worker whose gradient is a mean, sent with the names of
the averaged gradients. Like the `Collector`, it does not depend on Ray.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from metaplastic.errors import RunError
from metaplastic.meta.engines.asynchronous import Collector
from metaplastic.meta.engines.averaging import combined, is_finite
from metaplastic.meta.engines.backend import Answer, Backend, Report, Request, WorkerLost

NAMES = 1024  # incarnations reserved for a helper's workers, with replacements of lost ones
LEAST, PART = 2, 4  # a message averages at least two gradients, or a quarter of the workers'
# a helper answers within this fraction of `worker_timeout`, with what has arrived, so that silence
# means that it is lost
PATIENCE = 1 / 3
# consecutive lost helpers, each after many consecutive lost workers, after which a run fails
LOST_HELPERS_IN_A_ROW = 3


class Share(NamedTuple):
    """A helper's share, sent with each request, since it changes with the size of the cluster."""

    workers: int  # at most
    gradients: int  # in a message, at most


class Helper:
    """Averages the gradients of the workers behind a backend.

    Its workers use the `NAMES` incarnations from its own on. The trainer gives these to no one
    else, so that no incarnation is used twice.
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
        """Average the first gradients that arrive, at most `max_staleness` updates behind
        `request.version`; fewer of them, or none, if they do not arrive in time.

        Raises `WorkerLost` if one worker after another is lost, or if all incarnations are used.
        """
        began = self._clock()
        room = min(self._backend.capacity(), share.workers)
        wanted = max(1, min(room, share.gradients, max(LEAST, room // PART)))
        try:
            collected = self._collector.collect(theta, request.version, wanted, self._patience)
        except RunError as error:
            raise WorkerLost(str(error)) from None
        if self._collector.next_incarnation > self._end:
            raise WorkerLost(f"{NAMES} of its workers were lost")
        report = Report(
            requests=tuple(part for answer in collected.answers for part in answer.requests),
            averaged=sum(is_finite(answer.gathered) for answer in collected.answers),
            stale=collected.stale,
            lost=collected.lost,
            workers=collected.workers,
            warnings=tuple(self._warnings),
        )
        self._warnings.clear()
        return Answer(request, combined(collected, {}), self._clock() - began, report)

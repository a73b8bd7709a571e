"""Monitoring of an inner loop: scores on a labelled set, early stopping, progress messages."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from metaplastic.base_model import Phi
from metaplastic.encoder.moments import Matrix
from metaplastic.encoder.network import Network
from metaplastic.encoder.score import Labels
from metaplastic.progress import LoggedProgress
from metaplastic.rules import RuleState

LOG = logging.getLogger(__name__)

SECONDS = 1.0  # between two progress messages without a score
FitNetwork = Callable[[Phi], Network]


class Monitor:
    """Score φ every `every` inner steps, remember the best, and decide when to stop.

    eval_set: (X, y), validated, or None; patience: evaluations without a better score after which
    to stop, 0 for never; every: inner steps between evaluations; layers: those scored, as
    `Network.features` takes them; steps: number of inner steps to come, if known.
    """

    def __init__(
        self,
        eval_set: tuple[Matrix, Labels] | None,
        patience: int,
        every: int,
        layers: Sequence[int] | None = None,
        steps: int | None = None,
    ) -> None:
        self.eval_set = eval_set
        self.patience = patience
        self.every = every
        self.layers = layers
        self.steps = steps
        self.progress = LoggedProgress(LOG)
        self.best: tuple[int, Phi, RuleState] | None = None
        self._points: list[tuple[int, float]] = []
        self._reported = time.perf_counter()
        self._first = 0

    @property
    def curve(self) -> NDArray[np.float64]:
        """Inner step and score of each evaluation, (evaluations, 2)."""
        return np.array(self._points, np.float64).reshape(-1, 2)

    def start(self, step: int, phi: Phi, state: RuleState, network: FitNetwork | None) -> None:
        """Start monitoring; call before the first inner step."""
        self._first = step
        if self.steps != 0:
            self.progress("compiling the inner step")
        self.after(step, phi, state, network)

    def after(self, step: int, phi: Phi, state: RuleState, network: FitNetwork | None) -> bool:
        """Call after each inner step; return whether to stop."""
        done = step - self._first
        now = time.perf_counter()
        if done and (done == 1 or now - self._reported > SECONDS):
            self._reported = now
            self.progress("learning features", done, self.steps, "inner steps")
        if network is None or done % self.every:
            return False
        if self.eval_set is not None:
            LOG.info("inner step %d, score %.3f", step, self._score(step, phi, state, network))
        return bool(self.patience) and self._since_best() >= self.patience

    def _score(self, step: int, phi: Phi, state: RuleState, network: FitNetwork) -> float:
        assert self.eval_set is not None
        X, labels = self.eval_set
        score = labels.score(network(phi).features(X, self.layers))
        if not self._points or score > max(s for _, s in self._points):
            self.best = (step, phi, state)
        self._points.append((step, score))
        return score

    def _since_best(self) -> int:
        return 0 if not self._points else len(self._points) - 1 - int(np.argmax(self.curve[:, 1]))

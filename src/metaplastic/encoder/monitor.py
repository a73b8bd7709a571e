"""What watches an inner loop: scores on a labelled set, early stopping, lines of progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from metaplastic.base_model import Phi
from metaplastic.encoder.moments import Matrix
from metaplastic.encoder.network import Network
from metaplastic.encoder.score import Labels
from metaplastic.rules import RuleState

SECONDS = 2.0  # between two lines of progress without a score
ReadOut = Callable[[Phi], Network]


class Monitor:
    """Scores φ every so many inner steps, remembers the best, and says when to stop.

    eval_set: (X, y), validated, or None; patience: evaluations without a better score after which
    to stop, 0 for never; every: inner steps between evaluations; layers: those scored, as
    `Network.features` takes them.
    """

    def __init__(
        self,
        eval_set: tuple[Matrix, Labels] | None,
        patience: int,
        every: int,
        verbose: bool,
        layers: Sequence[int] | None = None,
    ) -> None:
        self.eval_set = eval_set
        self.patience = patience
        self.every = every
        self.verbose = verbose
        self.layers = layers
        self.best: tuple[int, Phi, RuleState] | None = None
        self._points: list[tuple[int, float]] = []
        self._begun = self._spoke = time.perf_counter()
        self._first = 0

    @property
    def curve(self) -> NDArray[np.float64]:
        """(evaluations, 2): inner step and score."""
        return np.array(self._points, np.float64).reshape(-1, 2)

    def start(self, step: int, phi: Phi, state: RuleState, network: ReadOut | None) -> None:
        """Before the first inner step."""
        self._first = step
        self.after(step, phi, state, network)

    def after(self, step: int, phi: Phi, state: RuleState, network: ReadOut | None) -> bool:
        """After an inner step: whether to stop."""
        if network is None or (step - self._first) % self.every:
            return False
        score = None
        if self.eval_set is not None:
            score = self._score(step, phi, state, network)
        now = time.perf_counter()
        if self.verbose and (score is not None or now - self._spoke > SECONDS):
            self._spoke = now
            ending = "" if score is None else f", score {score:.3f}"
            self.say(f"inner step {step}, {now - self._begun:.1f} s{ending}")
        return bool(self.patience) and self._since_best() >= self.patience

    def _score(self, step: int, phi: Phi, state: RuleState, network: ReadOut) -> float:
        assert self.eval_set is not None
        X, labels = self.eval_set
        score = labels.score(network(phi).features(X, self.layers))
        if not self._points or score > max(s for _, s in self._points):
            self.best = (step, phi, state)
        self._points.append((step, score))
        return score

    def _since_best(self) -> int:
        return 0 if not self._points else len(self._points) - 1 - int(np.argmax(self.curve[:, 1]))

    def say(self, line: str) -> None:
        """One line of progress."""
        print(f"PlasticEncoder: {line}", flush=True)

"""One run of the inner loop over a matrix: draw minibatches, apply the rule, monitor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.base_model import Phi
from metaplastic.encoder import inner_loop
from metaplastic.encoder.moments import Matrix, take_rows
from metaplastic.encoder.scale import InputScale
from metaplastic.errors import ConfigError
from metaplastic.rules import Rule, RuleState

if TYPE_CHECKING:
    from metaplastic.encoder.monitor import FitNetwork, Monitor


class Learned(NamedTuple):
    """φ, the rule's state and the number of inner steps taken."""

    phi: Phi
    state: RuleState
    steps: int


def draw_minibatches(
    seed: int, first: int, x: Matrix, scale: InputScale, batch: int, steps: int
) -> Iterator[NDArray[np.float32]]:
    """Yield `steps` minibatches of standardised rows of `x`, drawn as in `metaplastic.inner_loop`,
    for the inner steps from t = `first` on."""
    count: int = x.shape[0]  # pyright: ignore[reportOptionalSubscript]
    for rows in inner_loop.drawn_rows(seed, first, steps, batch, count):
        yield take_rows(x, rows, scale)


def learn(
    rule: Rule,
    begin: Learned,
    batches: Iterable[NDArray[np.float32]],
    monitor: Monitor,
    network: FitNetwork | None = None,
    max_age: int | None = None,
) -> Learned:
    """Apply the rule to each minibatch; `network` makes a fitted network for the monitor.

    Raises `ConfigError` if the rule produced non-finite weights.
    """
    phi, state, first = begin
    steps = first
    monitor.start(first, phi, state, network)
    for steps, batch in enumerate(batches, start=first + 1):
        phi, state = inner_loop.inner_step(rule, phi, state, batch, steps - 1, max_age)
        if steps == first + 1:
            inner_loop.wait(phi)  # dispatch is asynchronous: once this returns it is compiled
        if monitor.after(steps, phi, state, network):
            break
    if monitor.patience and monitor.best is not None:
        steps, phi, state = monitor.best
    learned = Learned(inner_loop.to_host(phi), inner_loop.to_host(state), steps)
    if not inner_loop.is_finite(learned.phi):
        raise ConfigError(
            f"rule {rule.name!r} produced non-finite weights within {steps} inner steps on these "
            "data; use a smaller max_iter or another rule"
        )
    return learned

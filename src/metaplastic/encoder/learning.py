"""One run of the inner loop over a matrix: minibatches drawn, the rule applied, watched."""

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
    from metaplastic.encoder.monitor import Monitor, ReadOut


class Learned(NamedTuple):
    """φ, the rule's state and the inner steps taken to get there."""

    phi: Phi
    state: RuleState
    steps: int


def drawn(
    seed: int, first: int, x: Matrix, scale: InputScale, batch: int, steps: int
) -> Iterator[NDArray[np.float32]]:
    """`steps` minibatches of standardised rows of `x`, drawn as `metaplastic.inner_loop` does, for
    the inner steps t = `first` and on."""
    count: int = x.shape[0]  # pyright: ignore[reportOptionalSubscript]
    for rows in inner_loop.drawn_rows(seed, first, steps, batch, count):
        yield take_rows(x, rows, scale)


def learn(
    rule: Rule,
    begin: Learned,
    batches: Iterable[NDArray[np.float32]],
    monitor: Monitor,
    network: ReadOut | None = None,
    max_age: int | None = None,
) -> Learned:
    """Apply the rule to each minibatch; `network` gives the monitor a fitted network.

    Raises `ConfigError` where the rule gave numbers that are not finite.
    """
    phi, state, first = begin
    steps = first
    monitor.start(first, phi, state, network)
    for steps, batch in enumerate(batches, start=first + 1):
        phi, state = inner_loop.inner_step(rule, phi, state, batch, steps - 1, max_age)
        if steps == first + 1:
            inner_loop.wait(phi)  # steps are dispatched ahead: it is compiled when this is over
        if monitor.after(steps, phi, state, network):
            break
    if monitor.patience and monitor.best is not None:
        steps, phi, state = monitor.best
    learned = Learned(inner_loop.to_host(phi), inner_loop.to_host(state), steps)
    if not inner_loop.is_finite(learned.phi):
        raise ConfigError(
            f"rule {rule.name!r} gave weights that are not finite within {steps} inner steps on "
            "these data; use a smaller max_iter or another rule"
        )
    return learned

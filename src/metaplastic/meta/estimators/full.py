"""Backpropagation through the whole unroll."""

from __future__ import annotations

from metaplastic.meta.estimators.truncated import TruncatedBackprop


class FullBackprop(TruncatedBackprop):
    """One stretch from the random φ to the end of the horizon; every task is new in each
    meta-step.

    Unbiased for its horizon, and honest about slow effects; its memory and time grow with the
    horizon, and past some length the gradient's variance explodes (the unroll turns chaotic).
    Meant for short horizons and as the yardstick of other estimators.
    """

    @property
    def lengths(self) -> tuple[int, int]:
        return self.config.horizon

    @property
    def restarts(self) -> bool:
        return True

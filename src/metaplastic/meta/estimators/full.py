"""Backpropagation through the whole unroll."""

from __future__ import annotations

from metaplastic.meta.estimators.truncated import TruncatedBackprop


class FullBackprop(TruncatedBackprop):
    """Backpropagation from the random φ to the end of the horizon; every meta-step uses new tasks.

    Unbiased for its horizon, slow effects included. Its memory and time grow with the horizon, and
    beyond some length the variance of the gradient explodes (the unroll turns chaotic). Meant for
    short horizons and as the reference for other estimators.
    """

    @property
    def lengths(self) -> tuple[int, int]:
        return self.config.horizon

    @property
    def restarts(self) -> bool:
        return True

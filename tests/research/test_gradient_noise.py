"""The share of signal among gradients, against draws whose share is known."""

from __future__ import annotations

import numpy as np
import pytest
from research.gradient_noise import signal_share


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_share_is_found_without_bias(share: float) -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=50)
    common *= 1 / np.linalg.norm(common)
    shares = []
    for _ in range(400):
        noise = rng.normal(size=(8, 50)) / 50**0.5
        drawn = share**0.5 * common + (1 - share) ** 0.5 * noise
        norms = np.linalg.norm(drawn, axis=1)
        shares.append(signal_share(float(np.linalg.norm(drawn.mean(axis=0))), norms))
    assert np.mean(shares) == pytest.approx(share, abs=0.01)

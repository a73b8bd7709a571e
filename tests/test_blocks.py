"""Blocks of features on one footing, against their equation in plain loops."""

import numpy as np
import pytest

from metaplastic.blocks import Blocks


def _drawn(n=300):
    rng = np.random.default_rng(0)
    return [
        (rng.standard_normal((n, 3)) * [1, 10, 100] + 5).astype(np.float32),
        np.maximum(rng.standard_normal((n, 7)), 0).astype(np.float32),
    ]


def test_the_equation_by_hand():
    blocks = _drawn(40)
    actual = Blocks.fit(blocks).apply(blocks)
    column, total = 0, sum(block.shape[1] for block in blocks)
    for block in blocks:
        d = block.shape[1]
        means = [sum(float(v) for v in block[:, j]) / 40 for j in range(d)]
        variances = [sum((float(v) - means[j]) ** 2 for v in block[:, j]) / 40 for j in range(d)]
        gain = (total / len(blocks)) ** 0.5 / ((sum(variances) / d) ** 0.5 * d**0.5)
        for j in range(d):
            expected = [(float(v) - means[j]) * gain for v in block[:, j]]
            np.testing.assert_allclose(actual[:, column], expected, atol=1e-6)
            column += 1
    assert column == actual.shape[1]


def test_blocks_have_one_mean_squared_norm_whatever_their_widths_and_units():
    blocks = _drawn(9000)  # more rows than are worked on at once
    fitted = Blocks.fit(blocks)
    actual = fitted.apply(blocks)
    assert actual.dtype == np.float32
    assert fitted.widths == (3, 7)
    for part in (actual[:, :3], actual[:, 3:]):
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-5)
        assert np.mean(np.sum(part**2, axis=1)) == pytest.approx(10 / 2, rel=1e-4)
    assert np.var(actual, axis=0).mean() == pytest.approx(1, rel=1e-4)
    rescaled = [blocks[0] * np.float32(1000), blocks[1]]
    again = Blocks.fit(rescaled).apply(rescaled)
    np.testing.assert_allclose(again, actual, rtol=1e-4, atol=1e-5)


def test_new_rows_are_scaled_by_the_rows_fitted_on():
    blocks = _drawn()
    fitted = Blocks.fit(blocks)
    some = [block[5:9] * 3 for block in blocks]
    alone = np.concatenate([fitted.apply([b[i : i + 1] for b in some]) for i in range(4)])
    np.testing.assert_array_equal(fitted.apply(some), alone)


@pytest.mark.parametrize("level", [0.0, 7.3, -1e6])
def test_a_block_that_does_not_vary_gives_zeros_and_stays_finite(level):
    constant = np.full((50, 4), level, np.float32)
    fitted = Blocks.fit([constant, _drawn(50)[1]])
    assert all(np.isfinite(fitted.gains))
    np.testing.assert_allclose(fitted.apply([constant, _drawn(50)[1]])[:, :4], 0, atol=1e-6)


def test_float64_stays_float64():
    blocks = [block.astype(np.float64) for block in _drawn()]
    assert Blocks.fit(blocks).apply(blocks).dtype == np.float64


def test_blocks_that_do_not_fit_are_refused():
    blocks = _drawn()
    with pytest.raises(ValueError, match="at least one row"):
        Blocks.fit([])
    with pytest.raises(ValueError, match="equally many"):
        Blocks.fit([blocks[0], blocks[1][:5]])
    with pytest.raises(ValueError, match="the fitted ones have"):
        Blocks.fit(blocks).apply(blocks[:1])

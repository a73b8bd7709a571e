"""Correlations in both their forms, and what a wide layer tells its units."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.rules.lateral import correlation, lateral_features, standardise_units


def _layer(units: int, batch: int, factors: int = 5) -> jax.Array:
    """Activities of units that share a few causes, as those of a layer do."""
    rng = np.random.default_rng(units)
    causes = rng.normal(size=(batch, factors)) @ rng.normal(size=(factors, units))
    return jnp.asarray(causes + rng.normal(size=(batch, units)), jnp.float32)


@pytest.mark.parametrize("units", [9, 60])
def test_products_with_correlations_by_numpy(units: int) -> None:
    x = _layer(units, batch=16)
    corr = correlation(standardise_units(x))
    assert (corr.matrix is None) == (units > 32)
    wanted = np.corrcoef(np.asarray(x, np.float64), rowvar=False) - np.eye(units)
    rows = np.random.default_rng(0).normal(size=(7, units)).astype(np.float32)
    np.testing.assert_allclose(corr.after(jnp.asarray(rows)), rows @ wanted, atol=2e-3)
    np.testing.assert_allclose(corr.squares(), (wanted**2).sum(axis=0), rtol=2e-3)


def test_predictions_of_neighbours_keep_their_size_in_wide_layers() -> None:
    sizes = []
    for units in (128, 512, 4096):
        x = _layer(units, batch=64)
        channels = lateral_features(x, correlation(standardise_units(x)))
        assert channels.shape == (6, 64, units)
        sizes.append(float(jnp.sqrt(jnp.mean(channels[0] ** 2))))
    assert max(sizes) < 1.3 * min(sizes)

"""Lateral terms within one group and across several groups."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.rules.lateral import correlation, lateral_features, standardise_units


def _layer(units: int, batch: int, factors: int = 5) -> jax.Array:
    """Activities of units that share a few causes, like those of a layer."""
    rng = np.random.default_rng(units)
    causes = rng.normal(size=(batch, factors)) @ rng.normal(size=(factors, units))
    return jnp.asarray(causes + rng.normal(size=(batch, units)), jnp.float32)


def _features(x: jax.Array) -> jax.Array:
    x_hat = standardise_units(x)
    return lateral_features(x, x_hat, correlation(x_hat))


@pytest.mark.parametrize(("units", "sizes"), [(60, [60]), (256, [128, 128]), (257, [86, 86, 85])])
def test_groups_are_independent(units: int, sizes: list[int]) -> None:
    x = _layer(units, batch=16)
    rows = np.random.default_rng(0).normal(size=(7, units)).astype(np.float32)
    got = _features(x), correlation(standardise_units(x)).after(jnp.asarray(rows))
    assert got[0].shape == (6, 16, units)
    start = 0
    for size in sizes:
        group = slice(start, start + size)
        part = np.asarray(x[:, group], np.float64)
        expected = rows[:, group] @ (np.corrcoef(part, rowvar=False) - np.eye(size))
        np.testing.assert_allclose(got[1][:, group], expected, atol=5e-3)
        np.testing.assert_allclose(got[0][:, :, group], _features(x[:, group]), atol=1e-5)
        start += size
    assert start == units


def test_lateral_features_keep_their_scale_in_wide_layers() -> None:
    scales = []
    for units in (128, 512, 4096):
        channels = _features(_layer(units, batch=64))
        scales.append(np.sqrt(np.mean(np.square(channels), axis=(1, 2))))
    np.testing.assert_array_less(np.max(scales, axis=0), 1.3 * np.min(scales, axis=0))

"""What the units of a layer tell each other, in one group and in several."""

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


def _features(x: jax.Array) -> jax.Array:
    x_hat = standardise_units(x)
    return lateral_features(x, x_hat, correlation(x_hat))


@pytest.mark.parametrize(("units", "sizes"), [(60, [60]), (256, [128, 128]), (257, [86, 86, 85])])
def test_groups_know_nothing_of_each_other(units: int, sizes: list[int]) -> None:
    x = _layer(units, batch=16)
    rows = np.random.default_rng(0).normal(size=(7, units)).astype(np.float32)
    got = _features(x), correlation(standardise_units(x)).after(jnp.asarray(rows))
    assert got[0].shape == (6, 16, units)
    start = 0
    for size in sizes:
        own = slice(start, start + size)
        part = np.asarray(x[:, own], np.float64)
        wanted = rows[:, own] @ (np.corrcoef(part, rowvar=False) - np.eye(size))
        np.testing.assert_allclose(got[1][:, own], wanted, atol=5e-3)
        np.testing.assert_allclose(got[0][:, :, own], _features(x[:, own]), atol=1e-5)
        start += size
    assert start == units


def test_what_a_unit_is_told_keeps_its_size_in_wide_layers() -> None:
    sizes = []
    for units in (128, 512, 4096):
        channels = _features(_layer(units, batch=64))
        sizes.append(np.sqrt(np.mean(np.square(channels), axis=(1, 2))))
    np.testing.assert_array_less(np.max(sizes, axis=0), 1.3 * np.min(sizes, axis=0))

"""Terms of the weight change: the subspace term finds what it says, and groups of units apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import unit_norm
from metaplastic.rules import terms
from metaplastic.rules.lateral import GROUP


def _inputs(rows: int, spreads: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose principal components are known: spreads along random orthogonal directions."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((len(spreads), len(spreads))))
    x, _ = np.linalg.qr(rng.standard_normal((rows, len(spreads))))
    x = x - x.mean(axis=0)
    left, _, right = np.linalg.svd(x, full_matrices=False)
    return left @ right * rows**0.5 * spreads @ axes.T, axes


def test_the_subspace_term_is_zero_at_principal_components_and_nowhere_near() -> None:
    x, axes = _inputs(400, np.array([3.0, 2.0, 1.5, 0.5, 0.3, 0.2]))
    at = terms.subspace(jnp.asarray(axes[:, :3], jnp.float32), jnp.asarray(x, jnp.float32))
    assert float(jnp.max(jnp.abs(at))) < 1e-3
    rng = np.random.default_rng(1)
    away = unit_norm(jnp.asarray(rng.standard_normal((6, 3)), jnp.float32))
    assert float(jnp.max(jnp.abs(terms.subspace(away, jnp.asarray(x, jnp.float32))))) > 0.1


def test_followed_it_spans_the_leading_principal_components() -> None:
    x, axes = _inputs(400, np.array([3.0, 2.5, 2.0, 0.5, 0.3, 0.2]))
    x = jnp.asarray(x, jnp.float32)
    w = unit_norm(jax.random.normal(jax.random.key(3), (6, 3)))

    def step(w: jax.Array, _: None) -> tuple[jax.Array, None]:
        return terms.turn(w, terms.subspace(w, x), jnp.float32(0.05)), None

    w, _ = jax.lax.scan(step, w, None, length=600)
    kept, _ = np.linalg.qr(np.asarray(w, np.float64))
    # cosines of the angles between the two subspaces
    cosines = np.linalg.svd(kept.T @ axes[:, :3], compute_uv=False)
    assert cosines.min() > 0.995


def test_a_wide_layer_is_as_its_groups_alone() -> None:
    """But for the divisor, the mean variance of all units."""
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.standard_normal((50, 9)), jnp.float32)
    w = unit_norm(jnp.asarray(rng.standard_normal((9, 2 * GROUP)), jnp.float32))
    y = (x - x.mean(0, keepdims=True)) @ w
    parts = [slice(0, GROUP), slice(GROUP, None)]
    alone = [
        terms.subspace(w[:, part], x) * jnp.mean(y[:, part] ** 2) / jnp.mean(y**2) for part in parts
    ]
    np.testing.assert_allclose(terms.subspace(w, x), jnp.concatenate(alone, 1), atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "places"), [(1, [2]), (2, [0, 2]), (3, [0, 1, 2]), (5, [0, 1, 1, 1, 2])]
)
def test_places_of_layers(layers: int, places: list[int]) -> None:
    assert [terms.place(layer, layers) for layer in range(layers)] == places

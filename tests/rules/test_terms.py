"""Terms of the weight change: the subspace term finds principal components, within groups."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import initialise, unit_norm
from metaplastic.rules.lateral import GROUP
from metaplastic.rules.local import step, terms


def _inputs(rows: int, spreads: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows with known principal components: given spreads along random orthogonal axes."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((len(spreads), len(spreads))))
    x, _ = np.linalg.qr(rng.standard_normal((rows, len(spreads))))
    x = x - x.mean(axis=0)
    left, _, right = np.linalg.svd(x, full_matrices=False)
    return left @ right * rows**0.5 * spreads @ axes.T, axes


def _subspace(w: jax.Array, x: jax.Array) -> jax.Array:
    layer = initialise(jax.random.key(0), w.shape).layers[0]
    return terms.subspace(eqx.tree_at(lambda y: y.weight, layer, w), x)


def test_the_subspace_term_is_zero_at_principal_components_only() -> None:
    x, axes = _inputs(400, np.array([3.0, 2.0, 1.5, 0.5, 0.3, 0.2]))
    at = _subspace(jnp.asarray(axes[:, :3], jnp.float32), jnp.asarray(x, jnp.float32))
    assert float(jnp.max(jnp.abs(at))) < 1e-3
    rng = np.random.default_rng(1)
    away = unit_norm(jnp.asarray(rng.standard_normal((6, 3)), jnp.float32))
    assert float(jnp.max(jnp.abs(_subspace(away, jnp.asarray(x, jnp.float32))))) > 0.1


def test_following_the_subspace_term_leads_to_the_principal_components() -> None:
    x, axes = _inputs(400, np.array([3.0, 2.5, 2.0, 0.5, 0.3, 0.2]))
    x = jnp.asarray(x, jnp.float32)
    w = unit_norm(jax.random.normal(jax.random.key(3), (6, 3)))

    def follow(w: jax.Array, _: None) -> tuple[jax.Array, None]:
        return step.turn(w, _subspace(w, x), jnp.float32(0.05)), None

    w, _ = jax.lax.scan(follow, w, None, length=600)
    basis, _ = np.linalg.qr(np.asarray(w, np.float64))
    # cosines of the angles between the two subspaces
    cosines = np.linalg.svd(basis.T @ axes[:, :3], compute_uv=False)
    assert cosines.min() > 0.995


def test_a_wide_layer_is_treated_group_by_group() -> None:
    """Except for the divisor, which is the mean variance of all units."""
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.standard_normal((50, 9)), jnp.float32)
    w = unit_norm(jnp.asarray(rng.standard_normal((9, 2 * GROUP)), jnp.float32))
    y = (x - x.mean(0, keepdims=True)) @ w
    parts = [slice(0, GROUP), slice(GROUP, None)]
    alone = [
        _subspace(w[:, part], x) * jnp.mean(y[:, part] ** 2) / jnp.mean(y**2) for part in parts
    ]
    np.testing.assert_allclose(_subspace(w, x), jnp.concatenate(alone, 1), atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "positions"), [(1, [2]), (2, [0, 2]), (3, [0, 1, 2]), (5, [0, 1, 1, 1, 2])]
)
def test_positions_of_layers(layers: int, positions: list[int]) -> None:
    assert [step.position(layer, layers) for layer in range(layers)] == positions

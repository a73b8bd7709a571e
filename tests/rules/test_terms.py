"""Terms of the weight change: the subspace term finds principal components, within groups."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import initialise, unit_norm
from metaplastic.rules.lateral import GROUP
from metaplastic.rules.local import step, terms, whitening
from metaplastic.rules.local.terms import TERMS, Link


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


@pytest.mark.parametrize("cells", [4, 60])
def test_whitened_rows_are_those_times_the_inverse_covariance(cells: int) -> None:
    """With fewer cells than units another system is solved than with more."""
    rng = np.random.default_rng(3)
    x, rows = rng.standard_normal((cells, 7)) * np.arange(1, 8), rng.standard_normal((2, cells, 7))
    c = np.cov(x.T, bias=True)
    expected = rows @ np.linalg.inv(np.eye(7) + c / np.mean(np.diag(c)))
    found = whitening.whitened(jnp.asarray(rows, jnp.float32), jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_whitened_low_rank_change_leaves_out_the_leading_direction() -> None:
    """One direction of a hundred times the others' spread, which presynaptic activity follows."""
    x, axes = _inputs(200, np.array([100.0, 1.0, 1.0, 1.0]))
    layer = initialise(jax.random.key(0), (4, 3)).layers[0]
    rows = jnp.asarray(x - x.mean(0), jnp.float32)
    post = jax.random.normal(jax.random.key(1), (1, 200, 3))
    link = Link(layer, rows, rows[None], post, rows, None)  # pyright: ignore
    plain, whitened = (
        np.abs(axes.T @ np.asarray(TERMS[name]()(link)))
        for name in ("low_rank", "whitened_low_rank")
    )
    assert plain[0].min() > 10 * plain[1:].mean()
    np.testing.assert_allclose(
        whitened[0], plain[0] / (1 + 100**2 / np.mean([100**2, 1, 1, 1])), rtol=1e-3
    )
    np.testing.assert_allclose(whitened[1:], plain[1:], rtol=2e-2, atol=1e-5)


def test_the_flattening_term_is_the_gradient_of_squared_covariances() -> None:
    x, _ = _inputs(100, np.array([3.0, 2.0, 1.0, 0.5, 0.3]))
    x = jnp.asarray(x, jnp.float32)
    layer = initialise(jax.random.key(0), (5, 4)).layers[0]
    link = Link(layer, x, x[None], x[None], x, None)  # pyright: ignore

    def squares(w: jax.Array) -> jax.Array:
        y = (x - x.mean(0, keepdims=True)) @ w
        return jnp.sum((y.T @ y / len(y)) ** 2) / 4

    y = (x - x.mean(0, keepdims=True)) @ layer.weight
    expected = -jax.grad(squares)(layer.weight) * 5**0.5 / jnp.mean(y**2) ** 2
    np.testing.assert_allclose(TERMS["flattening"]()(link), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "positions"), [(1, [2]), (2, [0, 2]), (3, [0, 1, 2]), (5, [0, 1, 1, 1, 2])]
)
def test_positions_of_layers(layers: int, positions: list[int]) -> None:
    assert [step.position(layer, layers) for layer in range(layers)] == positions

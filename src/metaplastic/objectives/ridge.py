"""Meta-objective `ridge`: a linear readout in closed form, judged on a second batch (paper A.3)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_PRECISION = jax.lax.Precision.HIGHEST


def ridge_readout(
    u: Float[Array, "examples features"],
    y: Float[Array, "examples targets"],
    penalty: float | Array,
) -> tuple[Float[Array, "features targets"], Float[Array, " targets"]]:
    """Minimise `|y - u v - bias|^2 + penalty |v|^2` (equation 4); the bias is not penalised.

    Centring takes the bias out of the problem. The smaller of the primal and the dual normal
    equations is solved, by Cholesky at full float32 precision. Returns v and the bias.
    """
    mean_u, mean_y = jnp.mean(u, axis=0), jnp.mean(y, axis=0)
    u, y = u - mean_u[None], y - mean_y[None]
    examples, n_features = u.shape
    if n_features <= examples:
        gram = jnp.matmul(u.T, u, precision=_PRECISION)
        right = jnp.matmul(u.T, y, precision=_PRECISION)
        v = _solve(gram, penalty, right)
    else:
        gram = jnp.matmul(u, u.T, precision=_PRECISION)
        v = jnp.matmul(u.T, _solve(gram, penalty, y), precision=_PRECISION)
    return v, mean_y - jnp.matmul(mean_u, v, precision=_PRECISION)


def _solve(gram: Array, penalty: float | Array, right: Array) -> Array:
    shifted = gram + penalty * jnp.eye(gram.shape[0], dtype=gram.dtype)
    factor = jnp.linalg.cholesky(shifted)
    half = jax.scipy.linalg.solve_triangular(factor, right, lower=True)
    return jax.scipy.linalg.solve_triangular(factor, half, lower=True, trans="T")


def predict(
    u: Float[Array, "examples features"],
    v: Float[Array, "features targets"],
    bias: Float[Array, " targets"],
) -> Float[Array, "examples targets"]:
    """What a readout makes of features."""
    return jnp.matmul(u, v, precision=_PRECISION) + bias[None]


def cosine_distance(
    y: Float[Array, "examples targets"], prediction: Float[Array, "examples targets"]
) -> Float[Array, ""]:
    """Mean over examples of 1 - cos(y, prediction)."""
    dot = jnp.sum(y * prediction, axis=-1)
    squares = jnp.sum(y * y, axis=-1) * jnp.sum(prediction * prediction, axis=-1)
    return jnp.mean(1.0 - dot * jax.lax.rsqrt(squares + 1e-8))


class Ridge(eqx.Module):
    """Fit ridge regression on one labelled batch, score cosine distance on another (4, 5)."""

    penalty: float = eqx.field(static=True, default=0.1)

    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
    ) -> Float[Array, ""]:
        """The loss, differentiable in the features, between 0 and 2."""
        v, bias = ridge_readout(fit_features, fit_targets, self.penalty)
        return cosine_distance(test_targets, predict(test_features, v, bias))

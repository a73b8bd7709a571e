"""A low-rank change from presynaptic activity without its leading directions."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.base_model import fold
from metaplastic.rules.local.terms import Link, LowRank, Term


class WhitenedLowRank(Term):
    """`low_rank` of the presynaptic readouts times `(I + C/κ)⁻¹`, C being the covariance of the
    activity below and κ its mean variance: directions of much variance count for less."""

    name: ClassVar[str] = "whitened_low_rank"
    optional = True

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        return LowRank()(link._replace(pre=whitened(link.pre, fold(link.x))))


def whitened(
    rows: Float[Array, "C cells units"], x: Float[Array, "cells units"]
) -> Float[Array, "C cells units"]:
    """Compute `rows (I + C/κ)⁻¹` for the covariance C of x and its mean variance κ.

    The system that is solved has as many equations as there are units or cells, whichever is less:
    `(I + XᵀX/s)⁻¹ = I - Xᵀ (s I + X Xᵀ)⁻¹ X` with `s = κ · cells` (Woodbury's identity).
    """
    cells, units = x.shape
    centred = x - jnp.mean(x, axis=0, keepdims=True)
    scale = jnp.sum(centred * centred) / units + 1e-6 * cells
    if units <= cells:
        matrix = scale * jnp.eye(units, dtype=x.dtype) + centred.T @ centred
        return scale * _solved(matrix, rows)
    matrix = scale * jnp.eye(cells, dtype=x.dtype) + centred @ centred.T
    return rows - _solved(matrix, rows @ centred.T) @ centred


def _solved(
    matrix: Float[Array, "n n"], rows: Float[Array, "C cells n"]
) -> Float[Array, "C cells n"]:
    """Compute `rows @ matrix⁻¹` for a symmetric, positive definite matrix."""
    flat = rows.reshape(-1, rows.shape[-1])
    solution = jax.scipy.linalg.solve(matrix, flat.T, assume_a="pos")
    return solution.T.reshape(rows.shape)

"""Meta-objective `tuned-ridge`: `ridge` at the best of several penalties.

A fixed penalty asks the features to do what the penalty does not: where it is small, directions of
noise must have little variance, and a rule learns to make its features redundant. Whoever reads
features out chooses the penalty for them; so does this.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.objectives.ridge import cosine_distance, predict, ridge_readout


class TunedRidge(eqx.Module):
    """The least cosine distance that ridge regression reaches over `penalties`.

    Penalties are relative, as in evaluation: times the number of labelled examples and the mean
    square norm of their centred features, so that the features' scale does not matter.
    """

    penalties: tuple[float, ...] = eqx.field(static=True, default=(1e-4, 1e-3, 1e-2, 1e-1))

    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
    ) -> Float[Array, ""]:
        """The loss, differentiable in the features, between 0 and 2."""
        centred = fit_features - jnp.mean(fit_features, axis=0, keepdims=True)
        # where features are constant, the penalty is all there is to solve with
        size = jnp.sum(centred * centred) + 1e-6

        def distance(penalty: Array) -> Array:
            v, bias = ridge_readout(fit_features, fit_targets, penalty * size)
            return cosine_distance(test_targets, predict(test_features, v, bias))

        return jnp.min(jax.vmap(distance)(jnp.array(self.penalties)))

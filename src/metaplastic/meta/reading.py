"""Features as the meta-objective reads them: of the last layer, or of several layers.

Several layers are read as in the encoder (`metaplastic.blocks`): block k of m, of width d_k, is

    B_k = (X_k - μ_k) · √(D / m) / (σ_k √d_k),    D = Σ_k d_k,

where μ_k are the means of the columns and σ_k² is the mean of their variances. The encoder takes
these and the batch-norm statistics from the unlabelled rows that it was fitted on. Labelled batches
alone would be a poor substitute: two examples have no useful statistics. Several layers are
therefore read in one pass over the inner step's minibatch and both labelled batches, with the
statistics of all these rows. The last layer alone is read with each labelled batch's own batch-norm
statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.base_model import Phi, features, layer_features
from metaplastic.meta.group import Pool
from metaplastic.objectives import Layers, Objective

_EPSILON = 1e-6  # on the sum of variances: a constant block and its gradient become zero


def side_by_side(blocks: Sequence[Float[Array, "batch _"]]) -> Float[Array, "batch _"]:
    """Concatenate blocks of columns, each centred and scaled by its own statistics, so that every
    block has the same mean square norm and the mean variance over all columns is one."""
    scale = (sum(block.shape[1] for block in blocks) / len(blocks)) ** 0.5

    def scaled(block: Array) -> Array:
        centred = block - jnp.mean(block, axis=0, keepdims=True)
        variance = jnp.sum(jnp.mean(jnp.square(centred), axis=0))
        return centred * (scale / jnp.sqrt(variance + _EPSILON))

    return jnp.concatenate([scaled(block) for block in blocks], axis=1)


def read_layers(
    phi: Phi, x: Float[Array, "batch inputs"], layers: Layers
) -> Float[Array, "batch features"]:
    """Compute the features of `x` with its own statistics: of the last layer, or `side_by_side`."""
    if layers == "last":
        return features(phi, x)
    blocks = layer_features(phi, x)
    return side_by_side(blocks if layers == "inputs-and-all" else blocks[1:])


def read_pool(phi: Phi, pool: Pool, layers: Layers) -> Pool:
    """Replace the inputs of a pool by features, with the statistics of all its examples."""
    classes, examples = pool.inputs.shape[:2]
    read = read_layers(phi, pool.inputs.reshape(classes * examples, -1), layers)
    return Pool(read.reshape(classes, examples, -1), pool.targets, pool.apart)


def read_objective(
    phi: Phi,
    fit: Pool,
    test: Pool,
    objective: Objective,
    n_classes: int | None = None,
    unlabelled: Float[Array, "batch inputs"] | None = None,
) -> Float[Array, ""]:
    """Compute the meta-objective at φ on two labelled batches, (examples, inputs) and (examples, T)
    each.

    `unlabelled` are additional rows for the statistics of several layers; without them, only the
    labelled batches are used.
    """
    if objective.layers == "last":
        u, u_test = features(phi, fit.inputs), features(phi, test.inputs)
    else:
        rows = [fit.inputs, test.inputs] + ([] if unlabelled is None else [unlabelled])
        read = read_layers(phi, jnp.concatenate(rows), objective.layers)
        n = len(fit.inputs)
        u, u_test = read[:n], read[n : n + len(test.inputs)]
    return objective(u, fit.targets, u_test, test.targets, n_classes)

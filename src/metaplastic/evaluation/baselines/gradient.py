"""Training by Adam on minibatches for many seeds at once, shared by the autoencoders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int, Key, PRNGKeyArray
from numpy.typing import NDArray

from metaplastic.evaluation.trials import Trial
from metaplastic.inner_loop import draw_rows
from metaplastic.progress import Progress, silent

BLOCK = 100  # steps between two progress reports

# (parameters, minibatch (B, d), hyperparameters, key) to a scalar
Loss = Callable[[Any, Array, Any, PRNGKeyArray], Array]


@eqx.filter_jit
def _advance(
    loss: Loss,
    params: Any,
    moments: Any,
    keys: Key[Array, " seeds"],
    permutations: Int[Array, "seeds inputs"],
    pool: Array,
    hyper: Any,
    learning_rate: Array,
    start: Array,
    stop: Array,
    batch_size: int,
) -> tuple[Any, Any]:
    optimizer = optax.scale_by_adam()

    def one(params: Any, moments: Any, key: PRNGKeyArray, permutation: Array) -> tuple[Any, Any]:
        def step(t: Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            params, moments = carry
            batch_key, noise_key = jax.random.split(jax.random.fold_in(key, t))
            rows = draw_rows(batch_key, batch_size, pool.shape[0])
            batch = pool[rows][:, permutation]
            gradient = jax.grad(loss)(params, batch, hyper, noise_key)
            change, moments = optimizer.update(gradient, moments)
            params = jax.tree.map(lambda p, c: p - learning_rate * c, params, change)
            return params, moments

        return jax.lax.fori_loop(start, stop, step, (params, moments))

    return jax.vmap(one)(params, moments, keys, permutations)


def train(
    loss: Loss,
    initial: Callable[[PRNGKeyArray], Any],
    inputs: NDArray[np.float32],
    trials: Sequence[Trial],
    points: Sequence[int],
    *,
    hyper: Any,
    learning_rate: float,
    batch_size: int,
    label: str,
    progress: Progress = silent,
) -> Iterator[tuple[int, Any]]:
    """Yield (steps taken, parameters with a leading axis of trials) at each increasing point.

    `loss` is the same function for all settings, so that it compiles once; hyperparameters are
    passed in `hyper`, a pytree of arrays.
    """
    params = jax.jit(jax.vmap(initial))(jnp.stack([trial.init_key for trial in trials]))
    moments = jax.vmap(optax.scale_by_adam().init)(params)
    keys = jnp.stack([trial.batch_key for trial in trials])
    permutations = jnp.asarray(np.stack([trial.permutation for trial in trials]))
    pool = jnp.asarray(inputs)
    done = 0
    for point in points:
        while done < point:
            stop = min(point, done + BLOCK)
            params, moments = _advance(
                loss,
                params,
                moments,
                keys,
                permutations,
                pool,
                hyper,
                jnp.asarray(learning_rate),
                jnp.asarray(done),
                jnp.asarray(stop),
                batch_size,
            )
            jax.block_until_ready(params)
            done = stop
            progress(label, done, max(points), "steps")
        yield done, params

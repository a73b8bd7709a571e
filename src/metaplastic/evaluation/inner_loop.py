"""The inner loop for many seeds at once, compiled once for any number of inner steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray
from numpy.typing import NDArray

from metaplastic import inner_loop
from metaplastic.base_model import (
    ModelSpec,
    Phi,
    Statistics,
    features,
    layer_features,
    perceptron,
    population_statistics,
)
from metaplastic.blocks import Blocks
from metaplastic.errors import ConfigError
from metaplastic.evaluation.trials import Trial
from metaplastic.inner_loop import statistics_rows
from metaplastic.progress import Progress, silent
from metaplastic.rules import Rule, RuleState
from metaplastic.threads import usable_cores

BLOCK = 25  # inner steps between two progress reports
ROWS = 2048  # rows per forward pass
MEMORY_BUDGET = 3e8  # bytes of one array of the update network, for all seeds of a chunk


class Seeds(NamedTuple):
    """A chunk of seeds in the middle of an unroll; seeds are the leading axis of every array."""

    phi: Phi
    state: RuleState
    keys: Key[Array, " seeds"]
    permutations: Int[Array, "seeds inputs"]


class Network(NamedTuple):
    """A fitted base model, which maps rows to features."""

    phi: Phi
    statistics: tuple[Statistics, ...]
    permutation: Int[Array, " inputs"]

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features (n, F) of rows (n, d), with the population batch-norm statistics."""
        blocks = _padded_blocks(inputs, self.phi.spec)
        parts = [np.asarray(_transform(self, block)) for block in blocks]
        return np.concatenate(parts)[: len(inputs)]

    def layers(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return x^1 to x^L of rows (n, d), with shapes (n, N_1) to (n, N_L)."""
        blocks = _padded_blocks(inputs, self.phi.spec)
        parts = [_every_layer(self, block) for block in blocks]
        return [
            np.concatenate([np.asarray(part) for part in layer])[: len(inputs)]
            for layer in zip(*parts, strict=True)
        ]


class AllLayers(NamedTuple):
    """A fitted base model read at every layer: the inputs and all layers, concatenated.

    `blocks` scales each block by statistics of the unlabelled rows; see `metaplastic.blocks`.
    """

    network: Network
    blocks: Blocks

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.floating]:
        """Return features (n, d + N_1 + … + N_L) of rows (n, d)."""
        return self.blocks.apply([inputs, *self.network.layers(inputs)])


def read_all_layers(network: Network, inputs: NDArray[np.float32]) -> AllLayers:
    """Read every layer, with blocks scaled by at most 4,096 rows of unlabelled `inputs` (n, d)."""
    rows = statistics_rows(inputs)
    return AllLayers(network, Blocks.fit([rows, *network.layers(rows)]))


def _padded_blocks(inputs: NDArray[np.float32], model: ModelSpec) -> Iterator[Array]:
    """Yield blocks of equal size, the last one padded, so that each network shape compiles once."""
    # a convolution unfolds its input into patches
    largest = max(layer.fan_in(b) * math.prod(layer.above(b)[:-1]) for b, layer in model.wired)
    size = max(64, min(ROWS, int(MEMORY_BUDGET / (4 * largest))))
    for start in range(0, len(inputs), size):
        rows = inputs[start : start + size]
        yield jnp.asarray(np.pad(rows, ((0, size - len(rows)), (0, 0))))


@eqx.filter_jit
def _transform(network: Network, rows: Float[Array, "rows inputs"]) -> Float[Array, "rows F"]:
    return features(network.phi, rows[:, network.permutation], network.statistics)


@eqx.filter_jit
def _every_layer(
    network: Network, rows: Float[Array, "rows inputs"]
) -> tuple[Float[Array, "rows units"], ...]:
    """Return x^1 to x^L."""
    return layer_features(network.phi, rows[:, network.permutation], network.statistics)[1:]


@eqx.filter_jit
def _begin(
    rule: Rule,
    init_keys: Key[Array, " seeds"],
    batch_keys: Key[Array, " seeds"],
    permutations: Int[Array, "seeds inputs"],
    model: ModelSpec,
) -> Seeds:
    phi, state = jax.vmap(lambda key: inner_loop.begin(rule, key, model))(init_keys)
    return Seeds(phi, state, batch_keys, permutations)


@eqx.filter_jit
def _advance(
    rule: Rule,
    seeds: Seeds,
    inputs: Float[Array, "n inputs"],
    start: Int[Array, ""],
    stop: Int[Array, ""],
    batch_size: int,
) -> Seeds:
    """Run inner steps `start` to `stop`."""

    def one(
        phi: Phi, state: RuleState, key: PRNGKeyArray, permutation: Array
    ) -> tuple[Phi, RuleState]:
        def minibatch(t: Array) -> Array:
            rows = inner_loop.rows_of_step(key, t, batch_size, inputs.shape[0])
            return inputs[rows][:, permutation]

        return inner_loop.run(rule, phi, state, minibatch, start, stop)

    each = (seeds.phi, seeds.state, seeds.keys, seeds.permutations)
    if jax.default_backend() == "cpu" and usable_cores() == 1:
        # no cores to share the seeds, and a single seed's arrays fit in the cache
        phi, state = jax.lax.map(lambda seed: one(*seed), each)
    else:
        phi, state = jax.vmap(one)(*each)
    return Seeds(phi, state, seeds.keys, seeds.permutations)


@eqx.filter_jit
def _statistics(seeds: Seeds, inputs: Float[Array, "n inputs"]) -> tuple[Statistics, ...]:
    def one(phi: Phi, permutation: Array) -> tuple[Statistics, ...]:
        return population_statistics(phi, inputs[:, permutation])

    return jax.lax.map(lambda pair: one(*pair), (seeds.phi, seeds.permutations))


def _networks(seeds: Seeds, inputs: Array, count: int) -> list[Network]:
    fitted = Network(seeds.phi, _statistics(seeds, inputs), seeds.permutations)
    return [jax.tree.map(lambda a, i=i: a[i], fitted) for i in range(count)]


def seeds_at_once(model: ModelSpec, batch_size: int, wanted: int) -> int:
    """Return how many seeds can advance together with the update network's arrays in memory."""
    numbers = sum(math.prod(shape) for shape in model.shapes)
    weights = sum(layer.fan_in(b) * layer.units for b, layer in model.wired)
    per_seed = 4.0 * 32 * batch_size * numbers + 4.0 * weights
    return max(1, min(wanted, int(MEMORY_BUDGET / per_seed)))


def memory_of(model: ModelSpec, batch_size: int) -> float:
    """Estimate the bytes that the inner loop of rule `local` needs for one seed: φ, the terms of
    its change, and the update network's arrays for the widest layer. Within a third of the
    compiler's figure for 256 to 10,000 units in 2 to 11 layers."""
    weights = sum(layer.fan_in(b) * layer.units for b, layer in model.wired)
    widest = max(math.prod(shape) for shape in model.shapes)
    return 4.0 * (8 * weights + 3 * 32 * batch_size * widest)


def run_inner_loop(
    rule: Rule,
    inputs: NDArray[np.float32],
    trials: Sequence[Trial],
    steps: Sequence[int],
    *,
    hidden: Sequence[int] = (128, 64),
    n_features: int = 32,
    activation: str = "relu",
    model: ModelSpec | None = None,
    batch_size: int = 64,
    progress: Progress = silent,
) -> Iterator[tuple[int, list[Network], Sequence[Trial]]]:
    """Apply the rule to standardised, unlabelled `inputs` (n, d) for every trial. The base model is
    `model`, or the perceptron given by `hidden`, `n_features` and `activation`.

    Yields (inner steps taken, fitted networks, their trials) at each of the increasing `steps`,
    one chunk of trials after another. `rule` is a traced argument, so rules of the same shape
    share one compiled program. Raises `ConfigError` if `model` expects another number of inputs.
    """
    if model is None:
        model = perceptron((inputs.shape[1], *hidden, n_features), activation)
    if model.widths[0] != inputs.shape[1]:
        raise ConfigError(
            f"the base model {model} expects {model.widths[0]} inputs, but rows have "
            f"{inputs.shape[1]}"
        )
    chunk = seeds_at_once(model, batch_size, len(trials))
    pool = jnp.asarray(inputs)
    reference = jnp.asarray(statistics_rows(inputs))
    total = max(steps) * len(trials)
    done = 0
    progress("compiling the inner loop")
    for first in range(0, len(trials), chunk):
        current = list(trials[first : first + chunk])
        # the last chunk is padded with repeats, so that it runs the same program
        padded = [*current, *[current[-1]] * (chunk - len(current))]
        seeds = _begin(
            rule,
            jnp.stack([trial.init_key for trial in padded]),
            jnp.stack([trial.batch_key for trial in padded]),
            jnp.asarray(np.stack([trial.permutation for trial in padded])),
            model,
        )
        t = 0
        for point in steps:
            while t < point:
                stop = min(point, t + BLOCK)
                seeds = _advance(rule, seeds, pool, jnp.asarray(t), jnp.asarray(stop), batch_size)
                jax.block_until_ready(seeds.phi)
                done += (stop - t) * len(current)
                t = stop
                progress("inner loop", done, total, "inner steps")
            yield point, _networks(seeds, reference, len(current)), current

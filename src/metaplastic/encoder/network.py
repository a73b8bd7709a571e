"""The fitted base model: weights with batch-norm statistics and standardisation, in NumPy.

Everything that is linear between two activations is folded into one matrix and one vector per
layer, so that a transform costs a matrix product and an activation per layer. Rows go through in
blocks: memory beside the result is bounded, and a block stays in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse

from metaplastic.base_model import BN_EPSILON, Phi, Statistics
from metaplastic.data.views import Scale
from metaplastic.encoder.activations import in_place
from metaplastic.encoder.float_range import Exponent, entered, exponent_of, reduced
from metaplastic.encoder.moments import Matrix, take_rows
from metaplastic.encoder.threads import over_blocks

STATISTICS_ROWS = 10_000  # rows that give the batch-norm statistics kept with a fitted model
_ROWS = 1024  # rows of a block


class Affine(NamedTuple):
    """x ↦ x @ matrix + offset; `matrix` (below, above), `offset` (above,)."""

    matrix: NDArray[np.floating]
    offset: NDArray[np.floating]


class Network:
    """What maps rows to features once φ no longer changes. Immutable.

    weights: W^l, float32 (N_{l-1}, N_l); biases: b^l (N_l,); statistics: the mean and variance
    that batch norm uses in each layer; scale: of the inputs.
    """

    def __init__(
        self,
        weights: Sequence[NDArray[np.float32]],
        biases: Sequence[NDArray[np.float32]],
        statistics: Sequence[Statistics],
        scale: Scale,
        activation: str,
    ) -> None:
        self.weights = tuple(weights)
        self.biases = tuple(biases)
        self.statistics = tuple(statistics)
        self.scale = scale
        self.activation = activation
        self._folded: dict[str, tuple[Affine, ...]] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_folded": {}}

    @property
    def sizes(self) -> tuple[int, ...]:
        """(N_0, ..., N_L)."""
        return (self.weights[0].shape[0], *(w.shape[1] for w in self.weights))

    def with_statistics(self, statistics: Sequence[Statistics]) -> Network:
        """The same network with other batch-norm statistics."""
        return Network(self.weights, self.biases, statistics, self.scale, self.activation)

    def first(self, layers: int) -> Network:
        """The network of the first `layers` layers, to see what they hold."""
        return Network(
            self.weights[:layers],
            self.biases[:layers],
            self.statistics[:layers],
            self.scale,
            self.activation,
        )

    @property
    def exponent(self) -> Exponent:
        """k of 2^-k, which the inputs are multiplied by first; 0 unless their scale is so large or
        so small that float32 could not hold what follows."""
        return exponent_of(self.scale)

    @property
    def centre(self) -> float:
        """What is taken from the inputs, times 2^-k, before the first matrix: their mean where it
        is so large against their spread that folding it in would cost precision, else 0."""
        scale = reduced(self.scale)
        large = abs(scale.mean) > 8.0 * scale.std
        # a number that float32 holds exactly; what is left of the mean is folded in
        return float(np.float32(scale.mean)) if large else 0.0

    def folded(self, dtype: DTypeLike = np.float32) -> tuple[Affine, ...]:
        """One affine map per layer; features are act(… act((2^-k x − centre) @ A + c) …)."""
        key = np.dtype(dtype).str
        if key not in self._folded:
            self._folded[key] = tuple(
                self._fold(layer, dtype) for layer in range(len(self.weights))
            )
        return self._folded[key]

    def _fold(self, layer: int, dtype: DTypeLike) -> Affine:
        mean, variance = (np.asarray(s, np.float64) for s in self.statistics[layer])
        gain = 1.0 / np.sqrt(variance + BN_EPSILON)
        matrix = self.weights[layer].astype(np.float64) * gain
        offset = self.biases[layer] - mean * gain
        if layer == 0:
            scale = reduced(self.scale)
            matrix /= scale.std
            offset = offset - (scale.mean - self.centre) * matrix.sum(axis=0)
        return Affine(matrix.astype(dtype), offset.astype(dtype))

    def features(self, x: Matrix) -> NDArray[np.floating]:
        """Features (n, N_L) of rows (n, N_0), dense or CSR, in the dtype of `x`; in float32 of
        integers of up to two bytes, in float64 of others.

        Raises ValueError where they are not finite, as of inputs far beyond the fitted scale.
        """
        dtype = feature_dtype(x.dtype)
        layers = self.folded(dtype)
        count: int = x.shape[0]  # pyright: ignore[reportOptionalSubscript]
        out = np.empty((count, self.sizes[-1]), dtype)
        over_blocks(
            lambda rows: self._through(layers, x[rows], out[rows]),
            [slice(start, start + _ROWS) for start in range(0, count, _ROWS)],
        )
        if not np.isfinite(out).all():
            row = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
            raise ValueError(
                f"row {row} of X is so far from the rows fitted (mean {self.scale.mean:.3g}, "
                f"standard deviation {self.scale.std:.3g}) that its features are infinity in "
                f"{dtype}; leave it out, or clip it"
            )
        return out

    def _through(self, layers: Sequence[Affine], block: Matrix, out: NDArray) -> None:
        activate = in_place(self.activation)
        for layer, (matrix, offset) in enumerate(layers):
            last = layer == len(layers) - 1
            target = out if last else np.empty((len(out), matrix.shape[1]), out.dtype)
            if layer == 0:
                self._enter(block, matrix, target)
            else:
                np.matmul(block, matrix, out=target)  # pyright: ignore
            target += offset
            activate(target)
            block = target

    def _enter(self, block: Matrix, matrix: NDArray, target: NDArray) -> None:
        """The first product, of inputs as they were given."""
        block = entered(block, self.exponent, self.centre, target.dtype)
        if issparse(block):
            target[...] = block @ matrix
        else:
            np.matmul(block, matrix, out=target)  # pyright: ignore


def feature_dtype(given: DTypeLike) -> np.dtype[Any]:
    """The dtype of the features of inputs of the dtype given."""
    given = np.dtype(given)
    return given if given == np.float32 or given == np.float64 else np.result_type(given, "f4")


def sample_rows(x: Matrix, rng: np.random.Generator) -> Matrix:
    """All rows, or 10,000 of them drawn without repeats."""
    count: int = x.shape[0]  # pyright: ignore[reportOptionalSubscript]
    if count <= STATISTICS_ROWS:
        return x
    return x[np.sort(rng.choice(count, STATISTICS_ROWS, replace=False))]


def fitted_network(phi: Phi, sample: Matrix, scale: Scale) -> Network:
    """φ with the batch-norm statistics it has on `sample` (rows not yet standardised).

    Layer by layer over the whole sample, as `base_model.population_statistics`; sparse inputs
    stay sparse.
    """
    weights, biases = _on_host(phi.weights), _on_host(phi.biases)
    activate = in_place(phi.activation)
    count: int = sample.shape[0]  # pyright: ignore[reportOptionalSubscript]
    rows = max(16, min(_ROWS, 2**22 // weights[0].shape[0]))
    blocks = [slice(start, start + rows) for start in range(0, count, rows)]

    def product(x: Matrix, weight: NDArray[np.float32], layer: int) -> NDArray[np.float32]:
        def job(block: slice) -> NDArray[np.float32]:
            if layer > 0:
                return np.asarray(x[block] @ weight, np.float32)
            if issparse(x):  # (x − mean) / std @ W, with the mean taken from the product
                taken = entered(x[block], exponent_of(scale), 0.0, feature_dtype(x.dtype))
                return np.asarray(taken @ scaled - shift, np.float32)
            return np.asarray(take_rows(x, block, scale) @ weight)

        inner = reduced(scale)
        scaled = weight / np.float32(inner.std)
        shift = np.float32(inner.mean) * scaled.sum(axis=0)
        return np.concatenate(over_blocks(job, blocks))

    a = sample
    statistics = []
    for layer, bias in enumerate(biases):
        a = product(a, weights[layer], layer)
        mean = a.mean(axis=0, dtype=np.float64)
        variance = np.square(a - mean.astype(np.float32)).mean(axis=0, dtype=np.float64)
        statistics.append(Statistics(mean.astype(np.float32), variance.astype(np.float32)))  # pyright: ignore
        a -= mean.astype(np.float32)
        a *= (1.0 / np.sqrt(variance + BN_EPSILON)).astype(np.float32)
        a += bias
        activate(a)
    return network_of(phi, statistics, scale)


def network_of(phi: Phi, statistics: Sequence[Statistics], scale: Scale) -> Network:
    """φ as a network, with the statistics and the scale given."""
    return Network(_on_host(phi.weights), _on_host(phi.biases), statistics, scale, phi.activation)


def _on_host(arrays: Iterable[Any]) -> list[NDArray[np.float32]]:
    return [np.asarray(array, np.float32) for array in arrays]


def merge_statistics(
    old: Sequence[Statistics], new: Sequence[Statistics], weight: float
) -> tuple[Statistics, ...]:
    """Statistics of a mixture: `weight` of the new ones, the rest of the old ones."""
    merged = []
    for before, after in zip(old, new, strict=True):
        gap = after.mean - before.mean
        mean = before.mean + weight * gap
        within = (1 - weight) * before.variance + weight * after.variance
        merged.append(Statistics(mean, within + weight * (1 - weight) * gap * gap))
    return tuple(merged)

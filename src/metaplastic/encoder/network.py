"""The fitted base model: weights with batch-norm statistics and standardisation, in NumPy.

Everything linear between two activations is folded into one matrix and one vector per layer, so
that a transform costs a matrix product and an activation per layer. Rows are processed in chunks:
memory besides the result is bounded, and a chunk stays in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse

from metaplastic.base_model import BN_EPSILON, ModelSpec, Phi, Statistics
from metaplastic.blocks import Blocks
from metaplastic.encoder.activations import in_place_activation
from metaplastic.encoder.float_range import Exponent, exponent_of, feature_dtype, prepared, reduced
from metaplastic.encoder.linear_maps import (
    added_later,
    is_product,
    linear,
    read,
    rows_at_once,
)
from metaplastic.encoder.moments import Matrix, merge_statistics, take_rows
from metaplastic.encoder.reading import Columns
from metaplastic.encoder.scale import InputScale, Numbers
from metaplastic.encoder.threads import over_blocks
from metaplastic.errors import ConfigError


class Affine(NamedTuple):
    """x ↦ x @ matrix + offset; `matrix` (below, above), `offset` (above,)."""

    matrix: NDArray[np.floating]
    offset: NDArray[np.floating]


class Network:
    """Map from rows to features, with φ fixed. Immutable.

    weights: W^l, float32 (fan-in, N_l); biases: b^l (N_l,); statistics: mean and variance used by
    batch norm in each layer; scale: of the inputs; spec: the base model's; activity: mean and
    variance, over the fitted rows, of the standardised inputs and of each layer as it is read,
    needed to read several layers side by side; None for a network saved by a version without them.
    """

    def __init__(
        self,
        weights: Sequence[NDArray[np.float32]],
        biases: Sequence[NDArray[np.float32]],
        statistics: Sequence[Statistics],
        scale: InputScale,
        spec: ModelSpec,
        activity: Sequence[Statistics] | None = None,
    ) -> None:
        self.weights = tuple(weights)
        self.biases = tuple(biases)
        self.statistics = tuple(statistics)
        self.scale = scale
        self.spec = spec
        self.activity = None if activity is None else tuple(activity)
        self._folded: dict[str, tuple[Affine, ...]] = {}
        # derived from the spec once, for every transform
        self._shapes, self._widths = spec.shapes, spec.widths
        self._rows_at_once = rows_at_once(spec)
        self._added_later = [added_later(spec, n) for n in range(len(spec.layers) + 1)]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_folded": {}}

    @property
    def sizes(self) -> tuple[int, ...]:
        """(N_0, ..., N_L): number of columns of each layer as it is read."""
        return self._widths

    @property
    def activation(self) -> str:
        """The activation of every layer."""
        return self.spec.activation

    @property
    def folds_scale(self) -> bool:
        """Whether standardisation is folded into the first product. It is not if the first layer
        reads a map, since the zeros padded around a map are standardised values."""
        return is_product(self.spec.layers[0], self.spec.inputs)

    def merged(self, other: Network, weight: float) -> Network:
        """Return `other` with mixed statistics: `weight` of its own, 1 − `weight` of these."""
        activity = None
        if self.activity is not None and other.activity is not None:
            activity = merge_statistics(self.activity, other.activity, weight)
        return Network(
            other.weights,
            other.biases,
            merge_statistics(self.statistics, other.statistics, weight),
            other.scale,
            other.spec,
            activity,
        )

    def first(self, layers: int) -> Network:
        """Return the network of the first `layers` layers."""
        return Network(
            self.weights[:layers],
            self.biases[:layers],
            self.statistics[:layers],
            self.scale,
            self.spec.model_copy(update={"layers": self.spec.layers[:layers]}),
            None if self.activity is None else self.activity[: layers + 1],
        )

    def blocks(self, layers: Sequence[int]) -> Blocks:
        """Return the centres and gains that give these layers' blocks equal weight; 0 is the
        inputs. Raises ConfigError for a network saved by a version without these statistics."""
        if self.activity is None:
            raise ConfigError(
                "this encoder was saved by an earlier version without the statistics needed to "
                "read several layers; use layers='last', or fit it again"
            )
        chosen = [self.activity[layer] for layer in layers]
        return Blocks.of(
            [np.asarray(s.mean) for s in chosen], [np.asarray(s.variance) for s in chosen]
        )

    @property
    def exponent(self) -> Exponent:
        """k of the factor 2^-k that inputs are multiplied by first; 0 unless their scale is too
        large or too small for float32."""
        return exponent_of(self.scale)

    @property
    def centre(self) -> Numbers:
        """Value subtracted from the inputs, times 2^-k, before the first matrix: their mean if it
        is so large relative to their spread that folding it in would lose precision, else 0."""
        scale = reduced(self.scale)
        large = np.abs(scale.mean) > 8.0 * np.asarray(scale.std)
        if not large.any():
            return 0.0
        # rounded to float32, so that it is exact there; the remainder of the mean is folded in
        centre = np.where(large, np.asarray(scale.mean, np.float32), 0.0)
        return centre if centre.ndim else float(centre)

    def folded(self, dtype: DTypeLike = np.float32) -> tuple[Affine, ...]:
        """Return one affine map per layer, with batch norm folded in:
        a^l = linear(x^{l-1}, A^l) + c^l.

        The first applies to 2^-k x − centre if `folds_scale`, else to standardised inputs.
        """
        key = np.dtype(dtype).str
        if key not in self._folded:
            self._folded[key] = tuple(
                self._fold(layer, dtype) for layer in range(len(self.weights))
            )
        return self._folded[key]

    def standardised_affine(self, layer: int) -> Affine:
        """Return the affine map of a layer, counted from 0, in float64; layer 0 takes standardised
        inputs."""
        mean, variance = (np.asarray(s, np.float64) for s in self.statistics[layer])
        gain = 1.0 / np.sqrt(variance + BN_EPSILON)
        matrix = self.weights[layer].astype(np.float64) * gain
        return Affine(matrix, self.biases[layer] - mean * gain)

    def _fold(self, layer: int, dtype: DTypeLike) -> Affine:
        matrix, offset = self.standardised_affine(layer)
        if layer == 0 and self.folds_scale:
            scale = reduced(self.scale)
            remainder = np.asarray(scale.mean - self.centre)
            if self.scale.by_column:
                matrix /= np.asarray(scale.std)[:, None]
                offset = offset - remainder @ matrix
            else:
                matrix /= scale.std
                offset = offset - remainder * matrix.sum(axis=0)
        return Affine(matrix.astype(dtype), offset.astype(dtype))

    def features(self, x: Matrix, layers: Sequence[int] | None = None) -> NDArray[np.floating]:
        """Return the features of rows (n, N_0), dense or CSR, in the dtype of `x`; integers of up
        to two bytes give float32, other integers float64.

        layers: None for x^L unchanged, (n, N_L); or the layers whose blocks are concatenated, each
        centred and scaled (`metaplastic.blocks`), 0 for the standardised inputs. Raises ValueError
        if features are not finite, as for inputs far outside the fitted scale, and ConfigError as
        `blocks`.
        """
        dtype = feature_dtype(x.dtype)
        columns = None if layers is None else Columns(layers, self.blocks(layers))
        count: int = x.shape[0]  # pyright: ignore[reportOptionalSubscript]
        step = self._rows_at_once
        out = np.empty((count, self.sizes[-1] if columns is None else columns.width), dtype)
        over_blocks(
            lambda rows: self._write_features(x[rows], out[rows], columns),
            [slice(start, start + step) for start in range(0, count, step)],
        )
        if not np.isfinite(out).all():
            row = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
            raise ValueError(
                f"row {row} of X is so far from the fitted rows {self._range()} that its features "
                f"are infinite in {dtype}; leave it out, or clip it"
            )
        return out

    def _range(self) -> str:
        if self.scale.by_column:
            return "(columns standardised)"
        return f"(mean {self.scale.mean:.3g}, standard deviation {self.scale.std:.3g})"

    def _write_features(self, chunk: Matrix, out: NDArray, columns: Columns | None) -> None:
        grid, shapes = self.spec.pool, self._shapes

        def inputs() -> NDArray:
            return take_rows(chunk, slice(None), self.scale)

        if not self.folds_scale or 0 in self._added_later[0]:
            inputs = cache(inputs)  # may be called by several layers
        if columns is not None:
            columns.put(out, 0, inputs)
        depth = len(self.weights) if columns is None else columns.deepest
        xs: dict[int, NDArray] = {}
        for number in range(1, depth + 1):
            last = number == depth and columns is None
            direct = last and (grid is None or len(shapes[number]) == 1)
            target = out if direct else np.empty((len(out), math.prod(shapes[number])), out.dtype)
            x = target.reshape(len(out), *shapes[number])
            self._write_layer(number, chunk, inputs, xs, x)
            if columns is not None:
                columns.put(out, number, lambda x=x: read(x, grid))
            elif last and not direct:
                out[...] = read(x, grid)
            xs = {n: xs[n] for n in self._added_later[number] if n in xs} | {number: x}

    def _write_layer(
        self,
        number: int,
        chunk: Matrix,
        inputs: Callable[[], NDArray],
        xs: Mapping[int, NDArray],
        out: NDArray,
    ) -> None:
        """Write x^l, l = `number`, of the rows `chunk` to `out`; `xs` holds the activities of lower
        layers, `inputs` returns the standardised rows."""

        def x(layer: int) -> NDArray:
            if layer > 0:
                return xs[layer]
            return inputs().reshape(-1, *self.spec.inputs).astype(out.dtype, copy=False)

        connection = self.spec.layers[number - 1]
        matrix, offset = self.folded(out.dtype)[number - 1]
        if number == 1 and self.folds_scale:
            self._first_product(chunk, matrix, out)
        else:
            linear(connection, x(number - 1), matrix, out)
        out += offset
        in_place_activation(self.activation)(out)
        if connection.skip:
            out += x(number - connection.skip)

    def _first_product(self, chunk: Matrix, matrix: NDArray, target: NDArray) -> None:
        """Write the first product, of inputs not yet standardised, to `target`."""
        chunk = prepared(chunk, self.scale, self.centre, target.dtype)
        if issparse(chunk):
            target[...] = chunk @ matrix
        else:
            np.matmul(chunk, matrix, out=target)  # pyright: ignore


def network_of(
    phi: Phi,
    statistics: Sequence[Statistics],
    scale: InputScale,
    activity: Sequence[Statistics] | None = None,
) -> Network:
    """Return φ as a network, with the given statistics and scale."""
    weights, biases = on_host(phi.weights), on_host(phi.biases)
    return Network(weights, biases, statistics, scale, phi.spec, activity)


def on_host(arrays: Iterable[Any]) -> list[NDArray[np.float32]]:
    return [np.asarray(array, np.float32) for array in arrays]

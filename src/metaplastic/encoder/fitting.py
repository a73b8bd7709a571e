"""Statistics of a fitted network, computed from a sample of the rows it was fitted on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from metaplastic.base_model import BN_EPSILON, ModelSpec, Phi, Statistics
from metaplastic.encoder.activations import in_place_activation
from metaplastic.encoder.float_range import exponent_of, feature_dtype, prepared, reduced
from metaplastic.encoder.linear_maps import (
    Floats,
    added_later,
    is_product,
    linear,
    read,
    rows_at_once,
)
from metaplastic.encoder.moments import Matrix, column_moments, take_rows
from metaplastic.encoder.network import Network, network_of, on_host
from metaplastic.encoder.scale import InputScale
from metaplastic.encoder.threads import over_blocks


def fitted_network(phi: Phi, sample: Matrix, scale: InputScale) -> Network:
    """Return φ with its statistics on `sample` (rows not yet standardised).

    They are computed layer by layer over the whole sample, as in
    `base_model.population_statistics`: for each unit over rows and the positions of its map. Sparse
    inputs stay sparse if the first layer allows it.
    """
    spec, shapes = phi.spec, phi.spec.shapes
    weights, biases = on_host(phi.weights), on_host(phi.biases)
    activate = in_place_activation(phi.activation)
    count: int = sample.shape[0]  # pyright: ignore[reportOptionalSubscript]
    rows = min(rows_at_once(spec), max(16, 2**22 // spec.widths[0]))
    chunks = [slice(start, start + rows) for start in range(0, count, rows)]
    first = _first_product(sample, scale, spec, weights[0])

    def product(layer: int, x: Floats | None) -> Floats:
        a = np.empty((count, *shapes[layer + 1]), np.float32)

        def job(chunk: slice) -> None:
            if x is None:
                first(chunk, a[chunk])
            else:
                linear(spec.layers[layer], x[chunk], weights[layer], a[chunk])

        over_blocks(job, chunks)
        return a

    x, xs = None, {}  # the layer below, and the layers that residual layers will add
    statistics, activity = [], [_of_inputs(sample, scale)]
    for layer, bias in enumerate(biases):
        a = product(layer, x)
        mean, variance = _of_units(a)
        statistics.append(_single(mean, variance))
        a -= mean.astype(np.float32)
        a *= (1.0 / np.sqrt(variance + BN_EPSILON)).astype(np.float32)
        a += bias
        activate(a)
        if skip := spec.layers[layer].skip:
            source = layer + 1 - skip
            for chunk in chunks:
                inputs = xs[source][chunk] if source else take_rows(sample, chunk, scale)
                a[chunk] += inputs.reshape(a[chunk].shape)
        flat = a if a.ndim == 2 else np.concatenate([read(a[chunk], spec.pool) for chunk in chunks])
        activity.append(_single(*_of_units(flat)))
        needed = added_later(spec, layer + 1)
        x, xs = a, {n: value for n, value in {**xs, layer + 1: a}.items() if n in needed}
    return network_of(phi, statistics, scale, activity)


def _first_product(
    sample: Matrix, scale: InputScale, spec: ModelSpec, weight: Floats
) -> Callable[[slice, Floats], None]:
    """Return a function that writes x^0 W^1 of some rows, standardised, into an array."""
    first = spec.layers[0]
    if not (issparse(sample) and is_product(first, spec.inputs)):

        def dense(chunk: slice, out: Floats) -> None:
            inputs = take_rows(sample, chunk, scale).reshape(-1, *spec.inputs)
            linear(first, inputs, weight, out)

        return dense
    # (x − mean) / std @ W, with the mean subtracted after the product, so that x stays sparse
    inner = reduced(scale)
    std, mean = np.asarray(inner.std, np.float32), np.asarray(inner.mean, np.float32)
    scaled = weight / (std[:, None] if scale.by_column else std)
    shift = mean @ scaled if scale.by_column else mean * scaled.sum(axis=0)

    def sparse(chunk: slice, out: Floats) -> None:
        rows = prepared(sample[chunk], scale, 0.0, feature_dtype(sample.dtype))
        out[...] = rows @ scaled - shift

    return sparse


def _of_units(a: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and variance of each unit of (n, units) or (n, height, width, units)."""
    if a.ndim > 2:
        moments = column_moments(a.reshape(-1, a.shape[-1]))
        return moments.mean, np.square(moments.std)
    mean = a.mean(axis=0, dtype=np.float64)
    return mean, np.square(a - mean.astype(np.float32)).mean(axis=0, dtype=np.float64)


def _single(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> Statistics:
    return Statistics(mean.astype(np.float32), variance.astype(np.float32))  # pyright: ignore


def _of_inputs(sample: Matrix, scale: InputScale) -> Statistics:
    """Return the mean and variance of each standardised input, before clipping."""
    k, inner = exponent_of(scale), reduced(scale)
    moments = column_moments(sample)
    mean = (np.ldexp(moments.mean, -k) - inner.mean) / inner.std
    std = np.ldexp(moments.std, -k) / inner.std
    return Statistics(mean.astype(np.float32), np.square(std).astype(np.float32))  # pyright: ignore

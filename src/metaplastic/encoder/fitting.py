"""The statistics that a fitted network keeps, from a sample of the rows it was fitted on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from metaplastic.base_model import BN_EPSILON, Phi, Statistics
from metaplastic.encoder.activations import in_place
from metaplastic.encoder.float_range import entered, exponent_of, reduced
from metaplastic.encoder.moments import Matrix, column_moments, take_rows
from metaplastic.encoder.network import CHUNK, Network, feature_dtype, network_of, on_host
from metaplastic.encoder.scale import InputScale
from metaplastic.encoder.threads import over_blocks


def fitted_network(phi: Phi, sample: Matrix, scale: InputScale) -> Network:
    """φ with the statistics it has on `sample` (rows not yet standardised).

    Layer by layer over the whole sample, as `base_model.population_statistics`; sparse inputs
    stay sparse.
    """
    weights, biases = on_host(phi.weights), on_host(phi.biases)
    activate = in_place(phi.activation)
    count: int = sample.shape[0]  # pyright: ignore[reportOptionalSubscript]
    rows = max(16, min(CHUNK, 2**22 // weights[0].shape[0]))
    chunks = [slice(start, start + rows) for start in range(0, count, rows)]

    inner = reduced(scale)
    std, mean = np.asarray(inner.std, np.float32), np.asarray(inner.mean, np.float32)
    scaled = weights[0] / (std[:, None] if scale.by_column else std)
    shift = mean @ scaled if scale.by_column else mean * scaled.sum(axis=0)

    def product(x: Matrix, weight: NDArray[np.float32], layer: int) -> NDArray[np.float32]:
        def job(chunk: slice) -> NDArray[np.float32]:
            if layer > 0:
                return np.asarray(x[chunk] @ weight, np.float32)
            if issparse(x):  # (x − mean) / std @ W, with the mean taken from the product
                taken = entered(x[chunk], scale, 0.0, feature_dtype(x.dtype))
                return np.asarray(taken @ scaled - shift, np.float32)
            return np.asarray(take_rows(x, chunk, scale) @ weight)

        return np.concatenate(over_blocks(job, chunks))

    a = sample
    statistics, activity = [], [_of_inputs(sample, scale)]
    for layer, bias in enumerate(biases):
        a = product(a, weights[layer], layer)
        mean, variance = _of_units(a)
        statistics.append(Statistics(mean.astype(np.float32), variance.astype(np.float32)))  # pyright: ignore
        a -= mean.astype(np.float32)
        a *= (1.0 / np.sqrt(variance + BN_EPSILON)).astype(np.float32)
        a += bias
        activate(a)
        mean, variance = _of_units(a)
        activity.append(Statistics(mean.astype(np.float32), variance.astype(np.float32)))  # pyright: ignore
    return network_of(phi, statistics, scale, activity)


def _of_units(a: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of each column (n, units)."""
    mean = a.mean(axis=0, dtype=np.float64)
    return mean, np.square(a - mean.astype(np.float32)).mean(axis=0, dtype=np.float64)


def _of_inputs(sample: Matrix, scale: InputScale) -> Statistics:
    """Mean and variance of each standardised input, before values far out are clipped."""
    k, inner = exponent_of(scale), reduced(scale)
    moments = column_moments(sample)
    mean = (np.ldexp(moments.mean, -k) - inner.mean) / inner.std
    std = np.ldexp(moments.std, -k) / inner.std
    return Statistics(mean.astype(np.float32), np.square(std).astype(np.float32))  # pyright: ignore

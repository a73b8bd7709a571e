"""Generator `signals`: time series and spectra, whose samples have one common unit.

A class has a prototype: smooth noise, a sum of waves, or peaks on a baseline. Prototypes come in
families of similar ones. An example is its prototype, shifted and warped in time and scaled, plus a
drifting baseline and noise, which is white or a random walk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import N_TARGETS, Augmentation
from metaplastic.tasks.source import Drawn, Source
from metaplastic.tasks.standardise import in_width, standardise_rows

FINE = 512  # points of a prototype
SHORTEST = 8

Matrix = NDArray[np.float64]


class Signals(Source):
    """Endless sets of series and spectra."""

    address = "signals"

    def fits(self, architecture: Architecture, n_classes: int, distinct: int = 0) -> bool:
        del n_classes, distinct
        return not architecture.is_image

    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """Draw signals of new prototypes, with half as many to as many samples as the architecture
        has inputs. The amounts are shift, size, drift and noise level."""
        width = architecture.n_inputs
        length = int(rng.integers(min(width, max(SHORTEST, width // 2)), width + 1))
        amounts = rng.standard_normal((n_classes * per_class, N_TARGETS))
        prototypes = draw_prototypes(rng, n_classes)
        signals = draw_signals(rng, np.repeat(prototypes, per_class, axis=0), amounts, length)
        return Drawn(in_width(standardise_rows(signals), width), amounts.astype(np.float32))


def draw_prototypes(rng: np.random.Generator, n_classes: int) -> Matrix:
    """Draw one prototype per class (n_classes, FINE), of unit variance: a family's plus its own."""
    families = int(rng.integers(1, max(2, n_classes // 2) + 1))
    kind = (_smooth, _waves, _peaks)[int(rng.integers(3))]
    family = kind(rng, families)[rng.permutation(np.arange(n_classes) % families)]
    individual = kind(rng, n_classes)
    return _unit(family + np.exp(rng.uniform(np.log(0.15), np.log(1.5))) * individual)


def _unit(rows: Matrix) -> Matrix:
    return (rows - rows.mean(axis=1, keepdims=True)) / (rows.std(axis=1, keepdims=True) + 1e-9)


def _time() -> Matrix:
    return np.linspace(0.0, 1.0, FINE)


def _smooth(rng: np.random.Generator, count: int) -> Matrix:
    """Draw noise without frequencies above a random limit."""
    highest = int(np.exp(rng.uniform(np.log(2), np.log(30))))
    return _spectrum(rng, count, np.arange(1.0, highest + 1), rng.uniform(0.0, 1.5))


def _waves(rng: np.random.Generator, count: int) -> Matrix:
    """Draw a few periods of a wave and its overtones."""
    base = rng.uniform(1.0, 8.0)
    return _spectrum(rng, count, base * np.arange(1.0, 5.0), rng.uniform(0.5, 2.0))


def _spectrum(rng: np.random.Generator, count: int, frequencies: Matrix, decay: float) -> Matrix:
    weights = rng.standard_normal((2, count, len(frequencies))) / frequencies**decay
    angle = 2 * np.pi * frequencies[:, None] * _time()
    return _unit(weights[0] @ np.sin(angle) + weights[1] @ np.cos(angle))


def _peaks(rng: np.random.Generator, count: int) -> Matrix:
    """Draw peaks of random positions, heights and widths on a slow baseline; about half of the
    positions are common to all."""
    peaks = int(rng.integers(3, 25))
    common = rng.uniform(0.0, 1.0, peaks)
    centres = np.where(rng.random(peaks) < 0.5, common, rng.uniform(0.0, 1.0, (count, peaks)))
    height = rng.gamma(1.0, 1.0, (count, peaks))
    widths = np.exp(rng.uniform(np.log(0.004), np.log(0.06), peaks))
    distance = (_time() - centres[..., None]) / widths[:, None]
    signals = np.einsum("cp,cpt->ct", height, np.exp(-0.5 * distance**2))
    return _unit(signals) + rng.uniform(0.0, 1.0) * _spectrum(rng, count, np.arange(1.0, 3.0), 1.0)


def draw_signals(
    rng: np.random.Generator, prototypes: Matrix, amounts: Matrix, length: int
) -> Matrix:
    """Draw examples (n, length) of prototypes (n, FINE). `amounts` (n, 4), of unit variance, are
    the shift, size, drift and noise level of each."""
    n = len(prototypes)
    shift, size, drift, level = amounts.T
    time = np.linspace(0.0, 1.0, length)
    warp = rng.uniform(0.0, 0.05) * rng.standard_normal((n, 2))
    warped = warp[:, :1] * np.sin(np.pi * time) + warp[:, 1:] * np.sin(2 * np.pi * time)
    times = time + rng.uniform(0.0, 0.08) * shift[:, None] + warped
    position = np.clip(times, 0.0, 1.0) * (FINE - 1)
    left = np.minimum(position.astype(int), FINE - 2)
    row = np.arange(n)[:, None]
    fraction = position - left
    signal = (1 - fraction) * prototypes[row, left] + fraction * prototypes[row, left + 1]
    signal *= np.exp(rng.uniform(0.0, 0.5) * size)[:, None]
    signal += rng.uniform(0.0, 1.0) * drift[:, None] * (rng.standard_normal() + 2 * time - 1)
    signal += rng.uniform(0.0, 0.7) * rng.standard_normal((n, 1))  # an offset for each example
    noise = rng.standard_normal((n, length))
    if rng.random() < 0.5:  # a random walk
        noise = np.cumsum(noise, axis=1) / np.sqrt(length)
    loudness = np.exp(rng.uniform(np.log(0.05), np.log(1.2)))
    return signal + loudness * np.exp(0.3 * level)[:, None] * noise

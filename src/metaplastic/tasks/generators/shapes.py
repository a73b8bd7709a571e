"""Generator `shapes`: filled, shaded silhouettes, whereas glyphs are strokes.

A class is a drawing of one to three parts. The outline of a part is a circle whose log-radius is a
short Fourier series of the angle; its interior has a brightness, a gradient and stripes. Classes
come in families of similar ones. Examples of a class differ in every parameter, and in stripes and
contrast that are unrelated to the class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import Augmentation, augment
from metaplastic.tasks.source import Drawn, Source

SIDE = 28
PARTS = 3
HARMONICS = 4
_BLOCK = 64  # drawings whose arrays stay in the cache
SOFTNESS = 0.05  # width of an outline, in half sides of the image

# standard deviations of a family's parameters, part by part
_OUTLINE = 0.35 / np.arange(1, HARMONICS + 1)
_SPREADS = np.concatenate(
    [
        np.repeat(_OUTLINE, 2),
        [0.25, 0.35, 0.25, 0.25, 0.6],  # log size, log aspect, centre across and down, angle
        [0.5, 0.4, 0.4, 0.5, 1.0, 1.5],  # log brightness, slopes, stripes: depth, pitch, angle
    ]
)


class Shapes(Source):
    """Endless classes of 28×28 grey drawings; every task has new ones."""

    address = "shapes"
    kind = "image"

    def fits(self, architecture: Architecture, n_classes: int, distinct: int = 0) -> bool:
        del n_classes, distinct
        return architecture.is_image

    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """Draw images and augment them like any others."""
        images = draw_shapes(rng, n_classes, per_class)
        if architecture.channels == 3:
            images = np.repeat(images[..., None], 3, axis=-1)
        images, amounts = augment(images, architecture.side, augmentation, rng)
        return Drawn(images.reshape(len(images), -1), amounts)


def draw_shapes(rng: np.random.Generator, n_classes: int, per_class: int) -> NDArray[np.uint8]:
    """Make `per_class` drawings (SIDE, SIDE) of each of `n_classes` new classes, class by class."""
    families = int(rng.integers(max(1, n_classes // 4), n_classes * 2 // 3 + 1))
    shape = (PARTS, _SPREADS.size)
    family = rng.standard_normal((families, *shape)) * _SPREADS
    present = rng.random((families, PARTS)) < [1.0, 0.6, 0.3]
    family_of = rng.permutation(np.arange(n_classes) % families)
    classes = family[family_of] + 0.3 * rng.standard_normal((n_classes, *shape)) * _SPREADS
    spread = rng.uniform(0.15, 0.4, (n_classes, 1, 1, 1))
    variation = spread * _SPREADS * rng.standard_normal((n_classes, per_class, *shape))
    examples = classes[:, None] + variation
    n = n_classes * per_class
    parts = np.repeat(present[family_of], per_class, axis=0)
    # stripes unrelated to classes
    noise = rng.standard_normal((n, 3, 1, 1)).astype(np.float32)
    parameters = examples.reshape(n, *shape)
    blocks = [slice(i, i + _BLOCK) for i in range(0, n, _BLOCK)]
    canvas = np.concatenate([_render(parameters[b], parts[b], noise[b]) for b in blocks])
    if rng.random() < 0.5:  # half of the tasks have symmetric drawings
        canvas = np.maximum(canvas, canvas[:, :, ::-1])
    contrast = np.exp(0.3 * rng.standard_normal((n, 1, 1)))
    return np.round(255 * np.clip(canvas * contrast, 0.0, 1.0)).astype(np.uint8)


def _render(
    parameters: NDArray[np.float64], present: NDArray[np.bool_], noise: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Render drawings (n, SIDE, SIDE), later parts over earlier ones."""
    grid = ((np.arange(SIDE) + 0.5) / SIDE * 2 - 1).astype(np.float32)
    down, across = (g[None] for g in np.meshgrid(grid, grid, indexing="ij"))
    n = len(parameters)
    canvas = np.zeros((n, SIDE, SIDE), np.float32)
    values = parameters.astype(np.float32)[..., None, None]
    disturbance = 0.25 * noise[:, 0] * np.sin(4 * (noise[:, 1] * across + noise[:, 2] * down))
    for part in range(PARTS):
        p = values[:, part]
        outline, (size, aspect, x, y, angle) = p[:, : 2 * HARMONICS], np.moveaxis(p[:, 8:13], 1, 0)
        bright, slope_x, slope_y, depth, pitch, turn = np.moveaxis(p[:, 13:], 1, 0)
        direction = np.exp(1j * angle)
        point = ((across - x) + 1j * (down - y)) * direction
        point = point.real * np.exp(aspect / 2) + 1j * point.imag * np.exp(-aspect / 2)
        distance = np.abs(point).astype(np.float32)
        unit = (point / np.maximum(distance, 1e-6)).astype(np.complex64)
        power, log_radius = np.ones_like(unit), np.log(0.5) + size
        for k in range(HARMONICS):
            power = power * unit
            log_radius = log_radius + outline[:, 2 * k] * power.real
            log_radius = log_radius + outline[:, 2 * k + 1] * power.imag
        # bound the exponent, which would overflow in a distant corner
        edge = np.clip((np.exp(log_radius) - distance) / SOFTNESS, -30, 30)
        mask = present[:, part, None, None] / (1 + np.exp(-edge))
        stripes = np.sin(6 * np.exp(pitch / 2) * (across * np.cos(turn) + down * np.sin(turn)))
        inside = 0.6 * np.exp(bright) * (1 + slope_x * across + slope_y * down + depth * stripes)
        canvas = canvas * (1 - mask) + mask * np.clip(inside * (1 + disturbance), 0.0, 1.5)
    return canvas.astype(np.float32)

"""Shifts, rotations and noise; their amounts are regression targets of the meta-objective."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.settings import SettingsModel

_BLOCK = 128  # images
N_TARGETS = 4  # shift down, shift right, rotation, noise level


class Augmentation(SettingsModel):
    """The largest amounts; each image draws its own uniformly, up to its task's share of them."""

    shift: float = Field(
        default=0.1, ge=0, le=0.5, description="largest shift, as a fraction of the image's side"
    )
    rotation: float = Field(default=20.0, ge=0, le=180, description="largest rotation, in degrees")
    noise: float = Field(
        default=0.2, ge=0, description="largest standard deviation, in units of that of the pool"
    )
    least_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="each task has its own share of these amounts, drawn uniformly from this value "
        "to 1; below 1, some tasks have little variation",
    )
    regression_weight: float = Field(
        default=0.1,
        ge=0,
        description="weight of the amounts relative to the one-hot label; 0 omits them",
    )

    def share(self, rng: np.random.Generator) -> float:
        """Draw the share of the amounts for one task."""
        # a fixed share uses no random number, so that older streams stay the same
        return float(rng.uniform(self.least_share, 1.0)) if self.least_share < 1 else 1.0

    def scaled(self, share: float) -> Augmentation:
        """Multiply these amounts by `share`."""
        return self.model_copy(
            update={
                "shift": share * self.shift,
                "rotation": share * self.rotation,
                "noise": share * self.noise,
            }
        )


def warp(
    images: NDArray[np.uint8], side: int, shift: NDArray[np.floating], angle: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Rotate about the centre, shift, and resample to `side` pixels.

    `images` is (n, height, width[, channels]); `shift` (n, 2) is in fractions of the side, down
    then right; `angle` (n,) is in radians. Each output pixel averages a grid of bilinear samples as
    fine as the source, which is area averaging without rotation. Outside the image, its edge pixels
    are repeated. Returns float32 (n, side, side[, channels]) in the units of `images`.
    """
    blocks = range(0, len(images), _BLOCK)  # whose arrays stay in the cache
    parts = [slice(start, start + _BLOCK) for start in blocks]
    return np.concatenate([_warp(images[p], side, shift[p], angle[p]) for p in parts])


def _warp(
    images: NDArray[np.uint8], side: int, shift: NDArray[np.floating], angle: NDArray[np.floating]
) -> NDArray[np.float32]:
    n, height, width = images.shape[:3]
    grid = max(1, -(-max(height, width) // side))
    fine = (np.arange(side * grid) + 0.5) / (side * grid) - 0.5
    down, right = np.meshgrid(fine, fine, indexing="ij")
    down = (down[None] - shift[:, :1, None]).astype(np.float32)
    right = (right[None] - shift[:, 1:, None]).astype(np.float32)
    cos, sin = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    rows = np.clip((cos * down - sin * right + 0.5) * height - 0.5, 0, height - 1)
    columns = np.clip((sin * down + cos * right + 0.5) * width - 0.5, 0, width - 1)
    top = np.minimum(rows.astype(np.int32), height - 2)
    left = np.minimum(columns.astype(np.int32), width - 2)
    v, h = rows - top, columns - left
    flat = images.reshape(n * height * width, *images.shape[3:])
    corner = (np.arange(n, dtype=np.int32)[:, None, None] * height + top) * width + left
    if images.ndim == 4:
        v, h = v[..., None], h[..., None]
    nw, ne, sw, se = (_take(flat, corner + step) for step in (0, 1, width, width + 1))
    upper = nw * (1 - h) + ne * h
    lower = sw * (1 - h) + se * h
    sampled = upper * (1 - v) + lower * v
    blocks = sampled.reshape(n, side, grid, side, grid, *images.shape[3:])
    return blocks.mean(axis=(2, 4), dtype=np.float32)


def _take(pixels: NDArray[np.uint8], places: NDArray[np.int32]) -> NDArray[np.uint8]:
    # all are in range; unlike indexing, this lets other threads run
    return np.take(pixels, places, axis=0, mode="clip")


def augment(
    images: NDArray[np.uint8], side: int, amounts: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Augment images to `side` pixels and standardise them over the pool with one mean and one
    standard deviation; return them with their targets (n, 4), the amounts scaled to unit
    variance."""
    n = images.shape[0]
    drawn = rng.uniform(-1.0, 1.0, size=(n, N_TARGETS)).astype(np.float32)
    angle = drawn[:, 2] * np.deg2rad(amounts.rotation)
    warped = warp(images, side, drawn[:, :2] * amounts.shift, angle)
    warped = (warped - warped.mean()) / (warped.std() + 1e-6)
    level = amounts.noise * (drawn[:, 3] + 1.0) / 2.0
    noise = rng.standard_normal(warped.shape, dtype=np.float32)
    warped += noise * level.reshape(n, *(1,) * (warped.ndim - 1))
    warped = (warped - warped.mean()) / (warped.std() + 1e-6)
    return warped, drawn * np.float32(np.sqrt(3.0))

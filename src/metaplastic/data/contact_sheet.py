"""A picture of a data set: one row per class for images, points or a heat map for vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic import files
from metaplastic.data.dataset import Dataset, Split
from metaplastic.data.resizing import resize_images
from metaplastic.data.views import to_matrix
from metaplastic.errors import DataError

ROWS = 20
COLUMNS = 20
_GAP = 2
_TILE = 56  # pixels to which small images are enlarged, by an integer factor
_LARGEST_TILE = 128
_COLOURS = np.array(
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [204, 121, 167]], np.uint8
)


def contact_sheet(dataset: Dataset, split: str = "train", seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture (height, width, 3) uint8: up to 20 classes of up to 20 random examples each.

    Vectors in the plane are drawn as points, coloured by class; longer ones as a heat map with one
    row per example, class after class.
    """
    part = dataset.split(split)
    if len(part) == 0:
        raise DataError(f"{dataset.card.name}: split {split!r} is empty: nothing to show")
    rng = np.random.default_rng(seed)
    if dataset.card.kind == "image":
        return _images(part, rng)
    if dataset.shape == (2,):
        return _points(part)
    return _heat(part, rng)


def save_contact_sheet(dataset: Dataset, path: Path, split: str = "train", seed: int = 0) -> None:
    """Write the contact sheet as PNG. Raises DataError if it cannot be written."""
    from PIL import Image

    picture = Image.fromarray(contact_sheet(dataset, split, seed))
    files.write(path, lambda file: picture.save(file, format="PNG"), DataError)


def _choose(part: Split, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    classes = np.unique(part.labels)
    if len(classes) > ROWS:
        classes = np.sort(rng.choice(classes, ROWS, replace=False))
    rows: list[NDArray[np.int64]] = []
    for label in classes:
        members = np.flatnonzero(part.labels == label)
        count = min(COLUMNS, len(members))
        rows.append(np.sort(rng.choice(members, count, replace=False)))
    return rows


def _images(part: Split, rng: np.random.Generator) -> NDArray[np.uint8]:
    rows = _choose(part, rng)
    images = np.asarray(part.inputs)
    height, width = _tile_size(*images.shape[1:3])
    factor = max(1, _TILE // max(height, width))
    tall, wide = height * factor + _GAP, width * factor + _GAP
    columns = max(len(row) for row in rows)
    sheet = np.full((len(rows) * tall + _GAP, columns * wide + _GAP, 3), 64, np.uint8)
    for i, row in enumerate(rows):
        for j, index in enumerate(row):
            image = np.asarray(resize_images(images[index][None], (height, width))[0], np.uint8)
            tile = image if image.ndim == 3 else np.repeat(image[..., None], 3, -1)
            tile = tile.repeat(factor, 0).repeat(factor, 1)
            top, left = i * tall + _GAP, j * wide + _GAP
            sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _tile_size(height: int, width: int) -> tuple[int, int]:
    """Return the size at which images are shown: their own, or less if the sheet would be huge."""
    scale = min(1.0, _LARGEST_TILE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _points(part: Split, side: int = 480) -> NDArray[np.uint8]:
    points = to_matrix(part.inputs)
    low, high = points.min(0), points.max(0)
    scaled = (points - low) / np.maximum(high - low, 1e-9).max()
    pixels = (scaled * (side - 20) + 10).astype(int)
    sheet = np.full((side, side, 3), 24, np.uint8)
    colours = _COLOURS[part.labels % len(_COLOURS)]
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            sheet[side - 1 - (pixels[:, 1] + dy), pixels[:, 0] + dx] = colours
    return sheet


def _heat(part: Split, rng: np.random.Generator) -> NDArray[np.uint8]:
    rows = np.concatenate(_choose(part, rng))
    # Word counts are mostly 0 or 1: the square root keeps a few large counts from hiding the rest.
    values = to_matrix(part.inputs[rows])
    values = np.sign(values) * np.sqrt(np.abs(values))
    low, high = float(values.min()), float(np.quantile(values, 0.999))
    grey = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    tall = max(1, 400 // len(grey))
    wide = max(1, 600 // grey.shape[1])
    image = np.rint(grey).astype(np.uint8).repeat(tall, 0).repeat(wide, 1)
    return np.repeat(image[..., None], 3, -1)

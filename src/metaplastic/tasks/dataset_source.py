"""Tasks from an image data set: some of its classes and some of their images, augmented."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import Augmentation, augment
from metaplastic.tasks.source import Drawn, Source


@dataclass(frozen=True)
class DatasetSource(Source):
    """One portion of an image data set, indexed by class.

    `images` is uint8 (n, height, width[, 3]); `members[c]` are the rows of class c.
    """

    address: str
    images: NDArray[np.uint8]
    members: tuple[NDArray[np.intp], ...]

    def fits(self, architecture: Architecture, n_classes: int, distinct: int = 0) -> bool:
        del distinct  # an image that is drawn twice is augmented twice
        return architecture.is_image and n_classes <= len(self.members)

    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """Draw classes without replacement, and examples too if there are enough. In a class with
        fewer than twice `apart` images, both parts share them, each augmented separately."""
        classes = rng.choice(len(self.members), size=n_classes, replace=False)
        rows = np.concatenate([choose(rng, self.members[c], per_class, apart) for c in classes])
        images = self.in_channels(rows, architecture.channels)
        images, amounts = augment(images, architecture.side, augmentation, rng)
        return Drawn(images.reshape(len(rows), -1), amounts)

    def in_channels(self, rows: NDArray[np.intp], channels: int) -> NDArray[np.uint8]:
        """Return the images at `rows`: grey (n, h, w) for one channel, (n, h, w, 3) for three."""
        images = self.images[rows]
        colour = images.ndim == 4
        if channels == 3:
            return images if colour else np.repeat(images[..., None], 3, axis=-1)
        if not colour:
            return images
        luma = images @ np.array([0.299, 0.587, 0.114], np.float32)
        return np.round(luma).astype(np.uint8)


def choose(
    rng: np.random.Generator, members: NDArray[np.intp], count: int, apart: int
) -> NDArray[np.intp]:
    """Choose `count` of the members; the last `apart` are not among the others, if possible."""
    if apart == 0 or members.size >= count:
        return rng.choice(members, count, replace=members.size < count)
    shuffled = rng.permutation(members)
    others = shuffled[apart:] if members.size >= 2 * apart else shuffled
    return np.concatenate([rng.choice(others, count - apart), np.resize(shuffled, apart)])

"""Data sets to meta-train on, and the guard that keeps held-out ones out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic import data
from metaplastic.errors import ConfigError, DataError


@dataclass(frozen=True)
class Source:
    """One portion of an image data set, indexed by class.

    `images` is uint8 (n, height, width[, 3]); `members[c]` are the rows of class c.
    """

    address: str
    images: NDArray[np.uint8]
    members: tuple[NDArray[np.intp], ...]

    @property
    def colour(self) -> bool:
        """Whether images have three channels."""
        return self.images.ndim == 4

    def in_channels(self, rows: NDArray[np.intp], channels: int) -> NDArray[np.uint8]:
        """The images at `rows`, grey (n, h, w) for one channel, (n, h, w, 3) for three."""
        images = self.images[rows]
        if channels == 3:
            return images if self.colour else np.repeat(images[..., None], 3, axis=-1)
        if not self.colour:
            return images
        luma = images @ np.array([0.299, 0.587, 0.114], np.float32)
        return np.round(luma).astype(np.uint8)


def load_sources(
    addresses: Iterable[str],
    portion: str,
    *,
    n_classes: int,
    held_out: Iterable[str] = (),
    data_dir: Path | None = None,
) -> tuple[Source, ...]:
    """The `portion` ("meta-train" or "meta-validation") of each data set.

    Raises `ConfigError` where an address is held out by the run's config or by its own card, and
    `DataError` where a data set has too few classes for a task or is not made of images.
    """
    addresses = tuple(addresses)
    forbidden = {name.split("@")[0] for name in held_out}
    if not addresses:
        raise ConfigError("no data set to meta-train on: name at least one, as in --tasks glyphs")
    sources = []
    for address in addresses:
        if address.split("@")[0] in forbidden:
            raise ConfigError(
                f"{address!r} is listed as held out in this run's config and may not be "
                "meta-trained on; take it out of the tasks or out of `held_out`"
            )
        dataset = data.load(address, data_dir=data_dir)
        if dataset.card.kind != "image":
            raise DataError(
                f"{address!r} holds {dataset.card.kind} data; meta-training takes images"
            )
        split = dataset.portion(portion)
        images = np.asarray(split.inputs)
        members = tuple(np.flatnonzero(split.labels == c) for c in np.unique(split.labels))
        if len(members) < n_classes:
            raise DataError(
                f"{address!r} has {len(members)} classes in its {portion} portion; "
                f"a task needs {n_classes}"
            )
        sources.append(Source(address, images, members))
    return tuple(sources)

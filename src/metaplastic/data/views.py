"""Views of a data set: the same examples at another size, in grey, of some classes, standardised.

All are pure functions; random ones take a generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from metaplastic.data.dataset import Dataset, Inputs, Split
from metaplastic.data.resizing import resize_images
from metaplastic.errors import DataError, unknown_name

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def _dense(inputs: Inputs) -> NDArray[np.generic]:
    return inputs.toarray() if isinstance(inputs, csr_matrix) else np.asarray(inputs)


def _map(dataset: Dataset, change: Callable[[Inputs], Inputs], shape: tuple[int, ...]) -> Dataset:
    splits = {
        name: replace(split, inputs=change(split.inputs)) for name, split in dataset.splits.items()
    }
    return dataset.with_splits(splits, shape)


def _images_only(dataset: Dataset, action: str) -> None:
    if dataset.card.kind != "image" or len(dataset.shape) not in (2, 3):
        raise DataError(
            f"{dataset.card.name} cannot be {action}: it holds examples of shape {dataset.shape}, "
            "not images"
        )


def resize(dataset: Dataset, size: int | tuple[int, int]) -> Dataset:
    """Resize images: area averaging when shrinking, bilinear interpolation when growing.

    An integer gives a square. Raises DataError if the data set does not hold images.
    """
    _images_only(dataset, "resized")
    height, width = (size, size) if isinstance(size, int) else size
    shape = (height, width, *dataset.shape[2:])
    if shape == dataset.shape:
        return dataset
    return _map(dataset, lambda x: resize_images(np.asarray(x), (height, width)), shape)


def _to_grey(images: NDArray[np.generic]) -> NDArray[np.generic]:
    out = np.empty(images.shape[:3], np.uint8 if images.dtype == np.uint8 else np.float32)
    for start in range(0, len(images), 4096):
        value = images[start : start + 4096].astype(np.float32) @ _LUMA
        out[start : start + 4096] = np.rint(value) if out.dtype == np.uint8 else value
    return out


def grey(dataset: Dataset) -> Dataset:
    """Convert colour images to luma (ITU-R BT.601), shape (height, width); keep grey ones."""
    _images_only(dataset, "made grey")
    if len(dataset.shape) == 2:
        return dataset
    return _map(dataset, lambda x: _to_grey(np.asarray(x)), dataset.shape[:2])


def colour(dataset: Dataset) -> Dataset:
    """Give grey images three equal channels, shape (height, width, 3); keep colour ones."""
    _images_only(dataset, "made colour")
    if len(dataset.shape) == 3:
        return dataset
    return _map(dataset, lambda x: np.repeat(np.asarray(x)[..., None], 3, -1), (*dataset.shape, 3))


def with_classes(dataset: Dataset, classes: Sequence[str | int]) -> Dataset:
    """Select examples of some classes, by name or index; labels become 0, 1, … in that order."""
    names = dataset.class_names
    chosen: list[int] = []
    for item in classes:
        if isinstance(item, str):
            if item not in names:
                raise unknown_name(f"class of {dataset.card.name}", item, names)
            chosen.append(names.index(item))
        elif 0 <= int(item) < len(names):
            chosen.append(int(item))
        else:
            raise DataError(
                f"{dataset.card.name} has no class {item}: it has {len(names)}, counted from 0"
            )
    if not chosen or len(set(chosen)) != len(chosen):
        raise DataError(f"{dataset.card.name}: give at least one class, and each only once")
    new = np.full(len(names), -1, dtype=np.int32)
    new[chosen] = np.arange(len(chosen))
    splits: dict[str, Split] = {}
    for name, split in dataset.splits.items():
        part = split.take(new[split.labels] >= 0)
        splits[name] = replace(part, labels=new[part.labels])
    return replace(dataset, splits=splits, class_names=tuple(names[i] for i in chosen))


@dataclass(frozen=True)
class Scale:
    """A data set's scalar mean and standard deviation, in units of its inputs."""

    mean: float
    std: float

    def apply(self, inputs: Inputs) -> NDArray[np.float32]:
        """Return (inputs − mean) / std as float32; sparse inputs become dense."""
        array = _dense(inputs).astype(np.float32)
        array -= np.float32(self.mean)
        array /= np.float32(self.std)
        return array


def fit_scale(split: Split) -> Scale:
    """Return mean and standard deviation of all numbers in a split; a constant split has std 1."""
    if isinstance(split.inputs, csr_matrix):
        count = max(1, len(split) * int(split.inputs.get_shape()[1]))
        values = split.inputs.data.astype(np.float64)
        total, squares = float(values.sum()), float(np.square(values).sum())
    else:
        array = np.asarray(split.inputs)
        count, total, squares = max(1, array.size), 0.0, 0.0
        for start in range(0, len(array), 4096):
            block = array[start : start + 4096].astype(np.float64)
            total += float(block.sum())
            squares += float(np.square(block).sum())
    mean = total / count
    std = float(np.sqrt(max(0.0, squares / count - mean * mean)))
    return Scale(mean, std if std > 1e-12 * max(1.0, abs(mean)) else 1.0)


def standardise(dataset: Dataset) -> Dataset:
    """Subtract the scalar mean of the train split and divide by its scalar standard deviation.

    Returns float32; sparse inputs become dense.
    """
    scale = fit_scale(dataset.split("train"))
    return _map(dataset, scale.apply, dataset.shape)


def sample_labelled(
    labels: NDArray[np.integer], per_class: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Sample indices of `per_class` different examples of every class that occurs, in class order.

    Raises DataError if a class has fewer, naming it.
    """
    if per_class < 1:
        raise DataError(f"labels per class must be at least 1, not {per_class}")
    chosen: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < per_class:
            raise DataError(
                f"class {label} has {len(members)} examples, fewer than the {per_class} requested; "
                "request fewer labels per class"
            )
        chosen.append(rng.choice(members, size=per_class, replace=False))
    return np.concatenate(chosen) if chosen else np.empty(0, np.int64)


def to_matrix(inputs: Inputs) -> NDArray[np.float32]:
    """Flatten inputs to float32 (n, d); sparse inputs become dense."""
    if issparse(inputs):
        return _dense(inputs).astype(np.float32)
    array = np.asarray(inputs)
    return array.reshape(len(array), -1).astype(np.float32)

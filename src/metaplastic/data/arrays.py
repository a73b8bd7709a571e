"""Data sets from arrays in memory, and helpers shared by all of the user's own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix, issparse

from metaplastic.data.array_images import to_pixels
from metaplastic.data.dataset import (
    Card,
    Dataset,
    Inputs,
    Kind,
    Portion,
    Split,
    name_array,
    shape_of,
)
from metaplastic.data.parsers.cells import is_missing, refuse_missing
from metaplastic.data.portions import divide
from metaplastic.errors import DataError

TEST_SHARE = 0.2
HOLDOUT_NOTE = "no test split given: a seeded fifth of each class is the test split"
MIN_CLASSES = 20  # from this number on, meta-training and meta-validation have separate classes


def user_card(name: str, kind: Kind, origin: str) -> Card:
    """Return the card of the user's own data."""
    return Card(
        name=name,
        title=f"the user's data from {origin}",
        kind=kind,
        origin=origin,
        licence="the user's",
        citation="none",
        role="user",
    )


def from_arrays(
    inputs: ArrayLike | csr_matrix,
    labels: ArrayLike,
    test_inputs: ArrayLike | csr_matrix | None = None,
    test_labels: ArrayLike | None = None,
    *,
    name: str = "arrays",
    origin: str = "arrays in memory",
    class_names: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Dataset:
    """Make a data set from arrays.

    inputs: (n, d) numbers, or images (n, height, width) or (n, height, width, 3), as 0 to 255 or
    0.0 to 1.0; another range is mapped to 0 to 255, with a note. labels: (n,) integers or text;
    each value that occurs is a class. class_names: names for the integers 0, 1, … instead. Without
    test arrays, a seeded fifth of each class becomes the test split. names: of the n examples.
    feature_names: of the d columns.

    Raises DataError for values that are not finite, counts that differ, and missing labels.
    """
    if test_inputs is not None and test_labels is None:
        raise DataError(f"{name}: test inputs without test labels; give both or neither")
    parts = {"train": Part(inputs, labels, names)}
    if test_inputs is not None:
        parts["test"] = Part(test_inputs, test_labels)
    return from_splits(
        parts,
        name=name,
        origin=origin,
        class_names=class_names,
        feature_names=feature_names,
        notes=notes,
    )


class Part(NamedTuple):
    """The arrays of a split: inputs, labels and, if they have any, the names of the examples."""

    inputs: Any
    labels: Any
    names: Sequence[str] | None = None


def from_splits(
    parts: Mapping[str, Part],
    *,
    name: str,
    origin: str,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Dataset:
    """Make a data set from the arrays of "train" and, if there are any, of other splits.

    The arguments and errors are those of `from_arrays`.
    """
    where = {
        split: f"{name}: inputs" if split == "train" else f"{name}: {split} inputs"
        for split in parts
    }
    arrays, kinds = zip(
        *(_inputs(parts[split].inputs, where[split]) for split in parts), strict=True
    )
    if set(kinds) == {"image"}:
        arrays, image_notes = to_pixels(arrays, where["train"])
        notes = (*notes, *image_notes)
    labels, classes = encode_labels([part.labels for part in parts.values()], name, class_names)
    splits: dict[str, Split] = {}
    for (split, part), x, y in zip(parts.items(), arrays, labels, strict=True):
        _check_counts(x, y, where[split])
        splits[split] = Split(x, y, names=None if part.names is None else name_array(part.names))
    shape = shape_of(arrays[0])
    if feature_names is not None and (len(shape), len(feature_names)) != (2, shape[1]):
        raise DataError(f"{name}: {len(feature_names)} names for inputs of shape {shape}")
    if "test" not in splits:
        drawn, holdout_notes = holdout(splits["train"])
        splits, notes = {**splits, **drawn}, (*notes, *holdout_notes)
    return user_dataset(
        user_card(name, kinds[0], origin), splits, classes, tuple(notes), feature_names
    )


def user_dataset(
    card: Card,
    splits: Mapping[str, Split],
    class_names: tuple[str, ...],
    notes: tuple[str, ...],
    feature_names: Sequence[str] | None = None,
) -> Dataset:
    """Return the user's data set with its portions for meta-training."""
    shape = shape_of(splits["train"].inputs)[1:]
    return Dataset(
        card,
        splits,
        class_names,
        shape,
        (),
        tuple(notes),
        user_portions(splits, class_names),
        None if feature_names is None else tuple(map(str, feature_names)),
    )


def user_portions(
    splits: Mapping[str, Split], class_names: tuple[str, ...]
) -> dict[str, tuple[Portion, ...]]:
    """Divide by class if there are at least 20 classes, otherwise into train and test splits."""
    if len(class_names) < MIN_CLASSES:
        return {"meta-train": (Portion("train"),), "meta-validation": (Portion("test"),)}
    train, validation = divide(class_names, "user/classes", (0.8, 0.2))
    return {
        "meta-train": tuple(Portion(split, classes=train) for split in splits),
        "meta-validation": tuple(Portion(split, classes=validation) for split in splits),
    }


def holdout(split: Split) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Draw a seeded fifth of each class as the test split; a single-example class stays in train.

    `rows` of both parts holds the positions of their rows in `split`.
    """
    split = replace(split, rows=np.arange(len(split)))
    rng = np.random.default_rng(20180406)
    test = np.zeros(len(split), bool)
    for label in np.unique(split.labels):
        members = np.flatnonzero(split.labels == label)
        count = max(1, round(TEST_SHARE * len(members))) if len(members) > 1 else 0
        test[rng.permutation(members)[:count]] = True
    return {"train": split.take(~test), "test": split.take(test)}, (HOLDOUT_NOTE,)


def _check_counts(inputs: Inputs, labels: NDArray[np.int32], where: str) -> None:
    count = shape_of(inputs)[0]
    if count != len(labels):
        raise DataError(f"{where}: {count} examples but {len(labels)} labels; they must match")


def _inputs(given: Any, where: str) -> tuple[Inputs, Kind]:
    if issparse(given):
        matrix = csr_matrix(given, dtype=np.float32)
        if not np.isfinite(matrix.data).all():
            raise DataError(f"{where}: not all finite; fill in or remove NaN and infinite values")
        return matrix, "text"
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: values of type {array.dtype}; expected numbers")
    if array.ndim < 2 or 0 in array.shape:
        raise DataError(
            f"{where}: shape {array.shape}; expected (examples, features), or images as "
            "(examples, height, width) or (examples, height, width, 3)"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{where}: {array[bad]} at index {bad}; fill it in or remove the example")
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 3 or (array.ndim == 4 and array.shape[-1] == 3):
        return array, "image"
    if array.ndim == 4 and array.shape[1] in (1, 3):
        raise DataError(f"{where}: shape {array.shape}; put the channels last")
    if array.ndim != 2:
        raise DataError(f"{where}: shape {array.shape}; expected vectors or images")
    with np.errstate(over="ignore"):
        vectors = array.astype(np.float32)
    if not np.isfinite(vectors).all():
        raise DataError(f"{where}: values too large for float32; scale them down")
    return vectors, "vector"


def encode_labels(
    given: Sequence[Any], name: str, class_names: Sequence[str] | None
) -> tuple[list[NDArray[np.int32]], tuple[str, ...]]:
    """Encode the labels of each split as indices into the class names, alphabetical unless given.

    Raises DataError for fractions, missing labels (None, NaN, an empty text, "NA") and labels
    without a class name.
    """
    arrays = [np.asarray(labels) for labels in given]
    for index, array in enumerate(arrays):
        flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
        if flat.dtype.kind in "OUS":
            try:
                flat = flat.astype(str)
            except UnicodeDecodeError as error:
                raise DataError(f"{name}: labels are bytes that are not ASCII text") from error
            if flat.ndim == 1:
                refuse_missing([None if is_missing(text) else text for text in flat], name)
        if flat.ndim != 1:
            raise DataError(f"{name}: labels of shape {array.shape}; expected one per example")
        if flat.dtype.kind == "f":
            if not (np.isfinite(flat).all() and (flat == np.rint(flat)).all()):
                raise DataError(f"{name}: labels must be integers or text, not fractions or NaN")
            flat = flat.astype(np.int64)
        if flat.dtype.kind not in "biuUS":
            raise DataError(f"{name}: labels of type {flat.dtype}; expected integers or text")
        arrays[index] = flat.astype(str) if flat.dtype.kind in "US" else flat.astype(np.int64)
    if len({array.dtype.kind for array in arrays}) > 1:
        raise DataError(f"{name}: labels of the test split are of a different type")
    joined = np.concatenate(arrays)
    bounds = np.cumsum([len(array) for array in arrays])[:-1]
    if class_names is not None:
        if joined.dtype.kind == "U" or (
            joined.size and not 0 <= int(joined.min()) <= int(joined.max()) < len(class_names)
        ):
            last = len(class_names) - 1
            raise DataError(f"{name}: labels must be 0 to {last}, one per class name")
        return [part.astype(np.int32) for part in np.split(joined, bounds)], tuple(class_names)
    values, codes = np.unique(joined, return_inverse=True)
    parts = np.split(codes.astype(np.int32), bounds)
    return list(parts), tuple(str(value) for value in values)

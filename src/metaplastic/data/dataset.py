"""A data set, arrays with a card: the type that every source returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from metaplastic.errors import DataError

Kind = Literal["image", "vector", "text"]
Role = Literal["meta-train", "held-out", "user"]
Inputs: TypeAlias = NDArray[np.generic] | csr_matrix

PORTIONS = ("meta-train", "meta-validation", "held-out")


def shape_of(inputs: Inputs) -> tuple[int, ...]:
    """Return the shape of an array or a sparse matrix."""
    shape = inputs.get_shape() if isinstance(inputs, csr_matrix) else inputs.shape
    return tuple(int(side) for side in shape)


def name_array(names: Iterable[str]) -> NDArray[np.object_]:
    """Return the names of examples as an array that can be indexed."""
    return np.array(list(names), dtype=object)


@dataclass(frozen=True)
class Card:
    """The origin of a data set and its permitted use.

    `role` says whether it may be used for meta-training ("meta-train") or for evaluation only
    ("held-out"); the user's own data are "user".
    """

    name: str
    title: str
    kind: Kind
    origin: str
    licence: str
    citation: str
    role: Role
    summary: str = ""


@dataclass(frozen=True)
class Split:
    """Examples and their labels.

    inputs: (n, ...), uint8 for images, float32 otherwise; a CSR matrix (n, d) for text.
    labels: (n,) int32, indices into the data set's class names.
    groups: (n,) int32 or None; the origin of each example: a glyph's font, a character's drawer.
    names: (n,) text or None; the user's name for each example: its file, its row's name.
    rows: (n,) int64 or None; if the split was drawn here rather than given, the position of each
    example in the user's data, counted from 0.
    """

    inputs: Inputs
    labels: NDArray[np.int32]
    groups: NDArray[np.int32] | None = None
    names: NDArray[np.object_] | None = None
    rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    def take(self, indices: NDArray[np.integer] | NDArray[np.bool_]) -> Split:
        """Return the chosen rows, in the given order."""
        return Split(
            self.inputs[indices],
            self.labels[indices],
            None if self.groups is None else self.groups[indices],
            None if self.names is None else self.names[indices],
            None if self.rows is None else self.rows[indices],
        )


@dataclass(frozen=True)
class Portion:
    """The rows of a split that belong to a portion for meta-training; None does not restrict.

    Classes are stored by name, so that taking a subset of a data set's classes never moves one of
    them into another portion.
    """

    split: str
    classes: frozenset[str] | None = None
    groups: frozenset[int] | None = None


@dataclass(frozen=True)
class Dataset:
    """Splits ("train", and "test" if the data set publishes both), class names, a card.

    `shape` is that of one example: (28, 28) grey, (32, 32, 3) colour, (64,) a vector. `notes`
    reports anything unusual about the files, for instance that some are missing. `feature_names`
    are the names of the columns of vectors and texts, if they have names.
    """

    card: Card
    splits: Mapping[str, Split]
    class_names: tuple[str, ...]
    shape: tuple[int, ...]
    group_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    portions: Mapping[str, tuple[Portion, ...]] = field(default_factory=dict)
    feature_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "splits", MappingProxyType(dict(self.splits)))
        object.__setattr__(self, "portions", MappingProxyType(dict(self.portions)))
        if len(set(self.class_names)) != len(self.class_names):
            raise DataError(f"{self.card.name}: two classes have the same name")
        for name, split in self.splits.items():
            self._check(name, split)

    def _check(self, name: str, split: Split) -> None:
        where = f"{self.card.name}, split {name!r}"
        count, *shape = shape_of(split.inputs)
        if count != len(split):
            raise DataError(
                f"{where}: {count} examples but {len(split)} labels; every example needs one label"
            )
        if split.names is not None and len(split.names) != count:
            raise DataError(f"{where}: {count} examples but {len(split.names)} names of examples")
        if tuple(shape) != self.shape:
            raise DataError(f"{where}: examples of shape {tuple(shape)}, expected {self.shape}")
        if count and not (
            int(split.labels.min()) >= 0 and int(split.labels.max()) < len(self.class_names)
        ):
            raise DataError(
                f"{where}: labels run from {split.labels.min()} to {split.labels.max()}, "
                f"but there are {len(self.class_names)} classes"
            )

    @property
    def train(self) -> Split:
        return self.split("train")

    @property
    def test(self) -> Split:
        return self.split("test")

    def split(self, name: str) -> Split:
        """Return a published split. Raises DataError if the data set has no split of that name."""
        if name not in self.splits:
            raise DataError(
                f"{self.card.name} has no split {name!r}; it has: {', '.join(self.splits)}"
            )
        return self.splits[name]

    @property
    def has_own_splits(self) -> bool:
        """Whether the splits came with the data, rather than being drawn here."""
        return any(split.rows is None for split in self.splits.values())

    def all_rows(self) -> Split:
        """Return every example once: in the user's order if the splits were drawn here, otherwise
        split after split."""
        joined = concatenate(list(self.splits.values()))
        if self.has_own_splits or joined.rows is None:
            return joined
        return joined.take(np.argsort(joined.rows, kind="stable"))

    def portion(self, name: str) -> Split:
        """Return the examples of "meta-train", "meta-validation" or "held-out"; labels are kept.

        Raises DataError if the data set is held out as a whole, stating the rule, or does not have
        the portion.
        """
        if name not in PORTIONS:
            raise DataError(f"unknown portion {name!r}; known: {', '.join(PORTIONS)}")
        if self.card.role == "held-out":
            raise DataError(
                f"{self.card.name} is held out: all of it is kept for evaluation and may not "
                f"be meta-trained on, so it has no portion {name!r}; its splits are: "
                f"{', '.join(self.splits)}"
            )
        if name not in self.portions:
            raise DataError(
                f"{self.card.name} has no portion {name!r}; it has: {', '.join(self.portions)}"
            )
        parts = [self._rows(part) for part in self.portions[name]]
        return parts[0] if len(parts) == 1 else concatenate(parts)

    def _rows(self, part: Portion) -> Split:
        split = self.split(part.split)
        keep = np.ones(len(split), dtype=bool)
        if part.classes is not None:
            chosen = np.array([name in part.classes for name in self.class_names], dtype=bool)
            keep &= chosen[split.labels]
        if part.groups is not None:
            if split.groups is None:
                raise DataError(f"{self.card.name}: split {part.split!r} has no groups")
            keep &= np.isin(split.groups, sorted(part.groups))
        return split if bool(keep.all()) else split.take(keep)

    def with_splits(self, splits: Mapping[str, Split], shape: tuple[int, ...]) -> Dataset:
        """Return the same data set with other inputs, as views make them."""
        return replace(self, splits=splits, shape=shape)


def concatenate(parts: list[Split]) -> Split:
    """Concatenate splits."""
    from scipy.sparse import issparse, vstack

    arrays = [part.inputs for part in parts]
    sparse = any(issparse(array) for array in arrays)
    names = joined_names((part.names, len(part)) for part in parts)
    inputs = csr_matrix(vstack(arrays)) if sparse else np.concatenate(arrays)  # pyright: ignore
    return Split(
        inputs,
        np.concatenate([part.labels for part in parts]),
        _joined([part.groups for part in parts]),
        None if names is None else name_array(names),
        _joined([part.rows for part in parts]),
    )


def joined_names(parts: Iterable[tuple[Iterable[str] | None, int]]) -> list[str] | None:
    """Return the names of the rows of several parts, given with their numbers of rows, one part
    after the other; None if no part has names.

    The rows of a part without names are named by their numbers in it, from 0, like an index that
    counts the rows.
    """
    known = list(parts)
    if all(names is None for names, _ in known):
        return None
    return [
        name
        for names, count in known
        for name in (map(str, range(count)) if names is None else names)
    ]


def _joined(arrays: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if len(known) == len(arrays) else None

"""A data set made ready for evaluation: standardised matrices of its two splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic import data
from metaplastic.data import Dataset, Split
from metaplastic.errors import DataError

TEST_SHARE = 0.2
SPLIT_SEED = 20180


@dataclass(frozen=True)
class Problem:
    """Rows of `train` are fitted on, `test` is only ever transformed and scored.

    train: (n, d) float32, standardised by one mean and one standard deviation (text: by those of
    every word); test: (m, d).
    Labels are 0 to `n_classes` - 1, int32. `shape` is that of one example. `notes` says what is
    particular about the files, the test split or the classes.
    """

    address: str
    train: NDArray[np.float32]
    train_labels: NDArray[np.int32]
    test: NDArray[np.float32]
    test_labels: NDArray[np.int32]
    n_classes: int
    shape: tuple[int, ...]
    title: str
    role: str
    notes: tuple[str, ...] = ()


def load_problem(address: str, data_dir: Path | str | None = None) -> Problem:
    """The published splits of a data set, standardised by the training split.

    Of a data set that keeps classes out of meta-training only those classes are used. One without
    a test split gets one: a fifth of its rows, drawn with a fixed seed, which `notes` says.
    Raises `DataError` for a data set with fewer than two classes.
    """
    dataset = data.load(address, data_dir=data_dir)
    notes = list(dataset.notes)
    dataset = _held_out_classes(dataset, notes)
    dataset = _with_test(dataset, notes)
    dataset = _standardised(dataset, notes)
    if len(dataset.class_names) < 2:
        raise DataError(f"{address} has {len(dataset.class_names)} class; evaluation needs two")
    return _problem(address, dataset, notes)


def load_search_problem(address: str, data_dir: Path | str | None = None) -> Problem:
    """The training split alone, cut in two by a fixed seed.

    Hyperparameters of baselines are searched here: the test split, which is what gets reported for
    this data set, plays no part in it.
    """
    dataset = data.load(address, data_dir=data_dir)
    notes = list(dataset.notes)
    dataset = dataset.with_splits({"train": dataset.train}, dataset.shape)
    return _problem(address, _standardised(_with_test(dataset, notes), notes), notes)


def _problem(address: str, dataset: Dataset, notes: list[str]) -> Problem:
    return Problem(
        address=address,
        train=data.to_matrix(dataset.train.inputs),
        train_labels=dataset.train.labels,
        test=data.to_matrix(dataset.test.inputs),
        test_labels=dataset.test.labels,
        n_classes=len(dataset.class_names),
        shape=dataset.shape,
        title=dataset.card.title,
        role=dataset.card.role,
        notes=tuple(notes),
    )


def _held_out_classes(dataset: Dataset, notes: list[str]) -> Dataset:
    """Only the classes that the data set keeps out of meta-training, where it keeps any.

    Where all are in one split, that split is the whole data set.
    """
    if "held-out" not in dataset.portions or dataset.card.role == "held-out":
        return dataset
    found = np.unique(dataset.portion("held-out").labels)
    names = [dataset.class_names[i] for i in found]
    notes.append(f"the {len(names)} classes kept out of meta-training")
    dataset = data.with_classes(dataset, names)
    splits = {
        name: split
        for name, split in dataset.splits.items()
        if len(np.unique(split.labels)) == len(names)
    }
    return dataset.with_splits(
        {"train": splits["test"]} if len(splits) == 1 and "test" in splits else splits,
        dataset.shape,
    )


def _standardised(dataset: Dataset, notes: list[str]) -> Dataset:
    """One mean and one standard deviation for all inputs; for text, those of every word's
    log(1 + count), because the commonest words would hide all others."""
    if dataset.card.kind != "text":
        return data.standardise(dataset)
    notes.append("text: log(1 + count), every word standardised over the training split")
    logs = {name: np.log1p(data.to_matrix(split.inputs)) for name, split in dataset.splits.items()}
    mean = logs["train"].mean(axis=0)
    spread = logs["train"].std(axis=0)
    spread[spread < 1e-6] = 1.0
    splits = {
        name: Split((rows - mean) / spread, dataset.splits[name].labels)
        for name, rows in logs.items()
    }
    return dataset.with_splits(splits, dataset.shape)


def _with_test(dataset: Dataset, notes: list[str]) -> Dataset:
    """A fifth of every class as the test split, where the data set has none."""
    if "test" in dataset.splits:
        return dataset
    whole = dataset.split(next(iter(dataset.splits)))
    rng = np.random.default_rng(SPLIT_SEED)
    test = np.zeros(len(whole), bool)
    for label in np.unique(whole.labels):
        members = np.flatnonzero(whole.labels == label)
        test[rng.choice(members, max(1, round(TEST_SHARE * len(members))), replace=False)] = True
    notes.append("no published test split: a fifth of each class, drawn with a fixed seed")
    splits: dict[str, Split] = {"train": whole.take(~test), "test": whole.take(test)}
    return dataset.with_splits(splits, dataset.shape)

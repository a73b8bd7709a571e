"""A data set prepared for evaluation: standardised matrices of its two splits."""

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
    """Methods are fitted on `train`; `test` is only transformed and scored.

    train: (n, d) float32, standardised by a single mean and standard deviation (for text: those of
    each word); test: (m, d).
    Labels are 0 to `n_classes` - 1, int32. `shape` is the shape of one example. `notes`
    records anything unusual about the files, the test split or the classes.
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
    """Load the published splits of a data set, standardised by the training split.

    If the data set holds classes out of meta-training, only those classes are used. A data set
    without a test split gets one: a fifth of its rows, drawn with a fixed seed and recorded in
    `notes`. Raises `DataError` for a data set with fewer than two classes.
    """
    dataset = data.load(address, data_dir=data_dir)
    notes = list(dataset.notes)
    dataset = _held_out_classes(dataset, notes)
    dataset = _with_test(dataset, notes)
    dataset = _standardised(dataset, notes)
    if len(dataset.class_names) < 2:
        raise DataError(
            f"{address} has {len(dataset.class_names)} class; evaluation needs at least two"
        )
    return _problem(address, dataset, notes)


def load_search_problem(address: str, data_dir: Path | str | None = None) -> Problem:
    """Load only the training split, divided in two with a fixed seed.

    The baselines' hyperparameters are searched on it, so the test split that is reported for this
    data set plays no part in the search.
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
    """Restrict the data set to the classes held out from meta-training, if it holds any out.

    If all of them are in one split, that split becomes the whole data set.
    """
    if "held-out" not in dataset.portions or dataset.card.role == "held-out":
        return dataset
    labels = np.unique(dataset.portion("held-out").labels)
    names = [dataset.class_names[i] for i in labels]
    notes.append(f"the {len(names)} classes held out from meta-training")
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
    """Standardise by one mean and standard deviation for all inputs; for text, by those of each
    word's log(1 + count), because the commonest words would otherwise dominate."""
    if dataset.card.kind != "text":
        return data.standardise(dataset)
    notes.append("text: log(1 + count), every word standardised over the training split")
    logs = {name: np.log1p(data.to_matrix(split.inputs)) for name, split in dataset.splits.items()}
    mean = logs["train"].mean(axis=0)
    scale = logs["train"].std(axis=0)
    scale[scale < 1e-6] = 1.0
    splits = {
        name: Split((rows - mean) / scale, dataset.splits[name].labels)
        for name, rows in logs.items()
    }
    return dataset.with_splits(splits, dataset.shape)


def _with_test(dataset: Dataset, notes: list[str]) -> Dataset:
    """Add a test split of a fifth of each class if the data set has none."""
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

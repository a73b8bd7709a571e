"""Tables of numbers as problems: npz files of `X` (n, d), `y` (n,) and, where rows belong
together, `groups` (n,).

Half of the rows, at most 5,000, are fitted on without labels; at most 4,000 of the others are
tested on. The halves are drawn with a fixed seed, each class spread evenly over them, groups kept
whole where that leaves every class in both. Classes with fewer than 12 rows to fit on are left out
of both halves. Columns, also counts of words, are standardised by the rows fitted on and clipped at
±10.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic import data
from metaplastic.data.table_files import Table, find_table, read_table
from metaplastic.errors import DataError
from metaplastic.evaluation.problem import SPLIT_SEED, Problem, load_problem

FIT_ROWS, TEST_ROWS = 5_000, 4_000
SMALLEST_CLASS = 12  # rows to fit on, below which a class is left out
CLIP = 10.0

Rows = NDArray[np.intp]


def load_table(
    name: str, data_dir: Path | str | None = None, *, for_search: bool = False
) -> Problem:
    """A table as a problem; for a search of hyperparameters, its half to fit on alone, cut in two.

    Raises `DataError` where the file is missing or damaged, or fewer than two classes are left.
    """
    return table_problem(name, read_table(find_table(name, data_dir)), for_search=for_search)


def table_problem(name: str, table: Table, *, for_search: bool = False) -> Problem:
    """As `load_table`, of arrays that are there."""
    notes: list[str] = []
    inside, outside = halves(table, np.arange(len(table.y)), notes)
    if for_search:
        inside, outside = halves(table, inside, [])
    return _problem(name, table, inside, outside, notes)


def halves(table: Table, rows: Rows, notes: list[str]) -> tuple[Rows, Rows]:
    """Two halves of `rows`, every class spread evenly; groups whole where that is feasible."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    y = table.y[rows]
    size = np.bincount(y)
    # a class of one row cannot be spread, and is left out later: it goes along with the largest
    spread = np.where(size[y] < 2, size.argmax(), y)
    plain = StratifiedKFold(2, shuffle=True, random_state=SPLIT_SEED)
    inside, outside = next(iter(plain.split(y, spread)))
    if table.groups is not None:
        whole = StratifiedGroupKFold(2, shuffle=True, random_state=SPLIT_SEED)
        apart = next(iter(whole.split(y, spread, table.groups[rows])))
        if set(_kept(y[inside])) <= set(_kept(y[apart[0]])) & set(y[apart[1]].tolist()):
            notes.append("groups of rows (subjects, batches) are kept whole in one half")
            inside, outside = apart
        else:
            notes.append("groups of rows are split: kept whole, some class would miss in a half")
    return rows[inside], rows[outside]


def _kept(labels: NDArray[np.int64]) -> list[int]:
    """The classes with enough rows to fit on."""
    return np.flatnonzero(np.bincount(labels) >= SMALLEST_CLASS).tolist()


def _problem(name: str, table: Table, inside: Rows, outside: Rows, notes: list[str]) -> Problem:
    inside = _some(inside, FIT_ROWS)
    kept = [c for c in _kept(table.y[inside]) if c in set(table.y[outside].tolist())]
    total = int(table.y.max()) + 1
    if len(kept) < 2:
        raise DataError(
            f"{name}: {len(kept)} of {total} classes have {SMALLEST_CLASS} rows or more to fit on; "
            "two are needed"
        )
    if len(kept) < total:
        notes.append(
            f"{total - len(kept)} of {total} classes left out: fewer than {SMALLEST_CLASS} rows to "
            "fit on"
        )
    code = np.full(total, -1)
    code[kept] = np.arange(len(kept))
    inside = inside[code[table.y[inside]] >= 0]
    outside = _some(outside[code[table.y[outside]] >= 0], TEST_ROWS)
    train = table.x[inside].astype(np.float64)
    mean, spread = train.mean(axis=0), train.std(axis=0)
    constant = spread <= 1e-6 * np.maximum(1e-6, np.abs(mean))
    spread[constant] = 1.0

    def standardised(rows: Rows) -> NDArray[np.float32]:
        return np.clip((table.x[rows] - mean) / spread, -CLIP, CLIP).astype(np.float32)

    return Problem(
        address=name,
        train=standardised(inside),
        train_labels=code[table.y[inside]].astype(np.int32),
        test=standardised(outside),
        test_labels=code[table.y[outside]].astype(np.int32),
        n_classes=len(kept),
        shape=(table.x.shape[1],),
        title=name,
        role="user",
        notes=tuple(notes),
    )


def _some(rows: Rows, limit: int) -> Rows:
    """At most that many of the rows, drawn with a fixed seed."""
    if len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(SPLIT_SEED).choice(rows, limit, replace=False))


def load_limited(address: str, data_dir: Path | str | None = None) -> Problem:
    """A data set by address, cut to as many rows as a table may have.

    Images and texts keep their published splits and are standardised as in every other study; rows
    of numbers (`csv:`, `npz:`, `openml:`) are halved and standardised as tables are.
    """
    dataset = data.load(address, data_dir=data_dir)
    if dataset.card.kind == "vector":
        x = np.concatenate([data.to_matrix(split.inputs) for split in dataset.splits.values()])
        y = np.concatenate([split.labels for split in dataset.splits.values()])
        return table_problem(address, Table(x, y.astype(np.int64), None))
    problem = load_problem(address, data_dir)
    train = _some(np.arange(len(problem.train)), FIT_ROWS)
    test = _some(np.arange(len(problem.test)), TEST_ROWS)
    return Problem(
        address=problem.address,
        train=problem.train[train],
        train_labels=problem.train_labels[train],
        test=problem.test[test],
        test_labels=problem.test_labels[test],
        n_classes=problem.n_classes,
        shape=problem.shape,
        title=problem.title,
        role=problem.role,
        notes=problem.notes,
    )


def fingerprint(problem: Problem) -> str:
    """Names the very rows of a problem, so that numbers of other rows are not taken for theirs."""
    arrays: Iterable[NDArray] = (
        problem.train,
        problem.train_labels,
        problem.test,
        problem.test_labels,
    )
    found = 0
    for array in arrays:
        found = zlib.crc32(np.ascontiguousarray(array).tobytes(), found)
    return f"{found:08x}"

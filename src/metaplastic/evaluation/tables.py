"""Tables of numbers as problems: npz files of `X` (n, d), `y` (n,) and, if rows are grouped,
`groups` (n,).

Half of the rows, at most 5,000, are used for fitting without labels; at most 4,000 of the others
for testing. The halves are drawn with a fixed seed and stratified by class; groups stay whole if
that leaves every class in both halves. Classes with fewer than 12 rows for fitting are left out of
both halves. Columns, including word counts, are standardised by the fitting rows and clipped at
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
SMALLEST_CLASS = 12  # rows for fitting, below which a class is left out
CLIP = 10.0

Rows = NDArray[np.intp]


def load_table(
    name: str, data_dir: Path | str | None = None, *, for_search: bool = False
) -> Problem:
    """Load a table as a problem; for a hyperparameter search, only its fitting half, split in two.

    Raises `DataError` if the file is missing or damaged, or fewer than two classes are left.
    """
    return table_problem(name, read_table(find_table(name, data_dir)), for_search=for_search)


def table_problem(name: str, table: Table, *, for_search: bool = False) -> Problem:
    """Build a problem as `load_table` does, from arrays in memory."""
    notes: list[str] = []
    fitting, testing = halves(table, np.arange(len(table.y)), notes)
    if for_search:
        fitting, testing = halves(table, fitting, [])
    return _problem(name, table, fitting, testing, notes)


def halves(table: Table, rows: Rows, notes: list[str]) -> tuple[Rows, Rows]:
    """Split `rows` into two halves, stratified by class; groups stay whole if that is feasible."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    y = table.y[rows]
    size = np.bincount(y)
    # a class of one row cannot be stratified and is left out later: treat it as the largest class
    strata = np.where(size[y] < 2, size.argmax(), y)
    plain = StratifiedKFold(2, shuffle=True, random_state=SPLIT_SEED)
    fitting, testing = next(iter(plain.split(y, strata)))
    if table.groups is not None:
        whole = StratifiedGroupKFold(2, shuffle=True, random_state=SPLIT_SEED)
        apart = next(iter(whole.split(y, strata, table.groups[rows])))
        if set(_usable(y[fitting])) <= set(_usable(y[apart[0]])) & set(y[apart[1]].tolist()):
            notes.append("each group of rows (subject, batch) is wholly in one half")
            fitting, testing = apart
        else:
            notes.append("groups of rows are split: otherwise a half would lack some class")
    return rows[fitting], rows[testing]


def _usable(labels: NDArray[np.int64]) -> list[int]:
    """Return the classes with enough rows for fitting."""
    return np.flatnonzero(np.bincount(labels) >= SMALLEST_CLASS).tolist()


def _problem(name: str, table: Table, fitting: Rows, testing: Rows, notes: list[str]) -> Problem:
    fitting = _sample(fitting, FIT_ROWS)
    classes = [c for c in _usable(table.y[fitting]) if c in set(table.y[testing].tolist())]
    total = int(table.y.max()) + 1
    if len(classes) < 2:
        raise DataError(
            f"{name}: {len(classes)} of {total} classes have {SMALLEST_CLASS} or more rows for "
            "fitting; at least two are needed"
        )
    if len(classes) < total:
        notes.append(
            f"{total - len(classes)} of {total} classes left out: fewer than {SMALLEST_CLASS} rows "
            "for fitting"
        )
    code = np.full(total, -1)
    code[classes] = np.arange(len(classes))
    fitting = fitting[code[table.y[fitting]] >= 0]
    testing = _sample(testing[code[table.y[testing]] >= 0], TEST_ROWS)
    train = table.x[fitting].astype(np.float64)
    mean, scale = train.mean(axis=0), train.std(axis=0)
    constant = scale <= 1e-6 * np.maximum(1e-6, np.abs(mean))
    scale[constant] = 1.0

    def standardised(rows: Rows) -> NDArray[np.float32]:
        return np.clip((table.x[rows] - mean) / scale, -CLIP, CLIP).astype(np.float32)

    return Problem(
        address=name,
        train=standardised(fitting),
        train_labels=code[table.y[fitting]].astype(np.int32),
        test=standardised(testing),
        test_labels=code[table.y[testing]].astype(np.int32),
        n_classes=len(classes),
        shape=(table.x.shape[1],),
        title=name,
        role="user",
        notes=tuple(notes),
    )


def _sample(rows: Rows, limit: int) -> Rows:
    """Return at most `limit` of the rows, drawn with a fixed seed."""
    if len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(SPLIT_SEED).choice(rows, limit, replace=False))


def load_limited(address: str, data_dir: Path | str | None = None) -> Problem:
    """Load a data set by address, limited to as many rows as a table may have.

    Images and texts keep their published splits and are standardised as in every other study;
    tabular data (`csv:`, `npz:`, `openml:`) are halved and standardised as tables are.
    """
    dataset = data.load(address, data_dir=data_dir)
    if dataset.card.kind == "vector":
        x = np.concatenate([data.to_matrix(split.inputs) for split in dataset.splits.values()])
        y = np.concatenate([split.labels for split in dataset.splits.values()])
        return table_problem(address, Table(x, y.astype(np.int64), None))
    problem = load_problem(address, data_dir)
    train = _sample(np.arange(len(problem.train)), FIT_ROWS)
    test = _sample(np.arange(len(problem.test)), TEST_ROWS)
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
    """Return a checksum of a problem's rows, so that results for other rows are not mixed up."""
    arrays: Iterable[NDArray] = (
        problem.train,
        problem.train_labels,
        problem.test,
        problem.test_labels,
    )
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(np.ascontiguousarray(array).tobytes(), checksum)
    return f"{checksum:08x}"

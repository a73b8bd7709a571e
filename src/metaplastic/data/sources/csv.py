"""csv:PATH?label=COLUMN — a table with one example per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metaplastic.data.arrays import Part, from_splits
from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.locate import user_path
from metaplastic.data.parsers.cells import refuse_missing
from metaplastic.data.parsers.columns import align
from metaplastic.data.parsers.table_options import KEYS, table_options
from metaplastic.data.parsers.tables import Table, read_table
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

CARD = Card(
    name="csv",
    title="a table, as delimited text or Parquet",
    kind="vector",
    origin="the user's file",
    licence="the user's",
    citation="none",
    role="user",
    summary="label=COLUMN names the column of labels; missing=blank; header=yes or no; index=keep "
    "or COLUMN; drop=COLUMN,COLUMN; delimiter=; decimal=, encoding=cp1252; test=PATH for a test "
    "split",
)
_ADVICE = ' (if "NA", "None" or the like is a class, give missing=blank)'


def read_tables(request: Request, expected: Sequence[str] | None = None) -> dict[str, Table]:
    """Read the table "train" and, if the address gives one, "test", with the same columns.

    expected: the names of the columns that a model was fitted on. Raises DataError for others.
    """
    options = table_options(request.options, request.rest)
    options = replace(options, expected=None if expected is None else tuple(expected))
    path = user_path(request.rest)
    tables = {"train": read_table(path, options)}
    if "test" in request.options:
        test_path = user_path(request.options["test"])
        test, train = read_table(test_path, options), tables["train"]
        if test.values.shape[1] != train.values.shape[1]:
            raise DataError(
                f"{path} has {train.values.shape[1]} features, {test_path} "
                f"{test.values.shape[1]}; they must have the same columns"
            )
        values, note = align(test.values, test.columns, train.columns, str(test_path), str(path))
        notes = test.notes if note is None else (*test.notes, note)
        tables["test"] = replace(test, values=values, columns=train.columns, notes=notes)
    return tables


def _load(request: Request) -> Dataset:
    path = request.rest
    if "label" not in request.options:
        raise DataError(f"{path}: say which column holds the labels: csv:{path}?label=COLUMN")
    tables = read_tables(request)
    advice = "" if request.options.get("missing") == "blank" else _ADVICE
    labels: dict[str, list[str]] = {}
    for split, table in tables.items():
        where = path if split == "train" else request.options["test"]
        refuse_missing(table.labels or (), where, 1, advice)
        labels[split] = [str(label) for label in table.labels or ()]
    # Encoded here, since "NA" is a class with missing=blank, but not in arrays.
    classes = sorted({label for part in labels.values() for label in part})
    codes = {label: code for code, label in enumerate(classes)}
    return from_splits(
        {
            split: Part(table.values, [codes[label] for label in labels[split]], table.names)
            for split, table in tables.items()
        },
        name=f"csv:{path}",
        origin=path,
        class_names=classes,
        feature_names=tables["train"].columns,
        notes=[note for table in tables.values() for note in table.notes],
    )


SOURCE = Source(
    CARD, _load, is_scheme=True, options=(*KEYS, "test"), example="csv:PATH?label=COLUMN"
)

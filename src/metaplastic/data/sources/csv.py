"""csv:PATH?label=COLUMN — a table, one example a row."""

from __future__ import annotations

from pathlib import Path

from metaplastic.data.arrays import from_arrays
from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.parsers.tables import read_csv
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

CARD = Card(
    name="csv",
    title="a table of comma-separated values",
    kind="vector",
    origin="the user's file",
    licence="the user's",
    citation="none",
    role="user",
    summary="label=COLUMN names the label's column; header=no counts columns from 0; "
    "delimiter=; for another delimiter; test=PATH for a test split",
)


def _load(request: Request) -> Dataset:
    path = _file(request.rest)
    header = request.options.get("header", "yes")
    if header not in ("yes", "no"):
        raise DataError(f"csv: header={header!r}; it is yes or no")
    delimiter = {"tab": "\t"}.get(*2 * (request.options.get("delimiter", ","),))
    if len(delimiter) != 1 or delimiter in '\n\r"':
        raise DataError(f"csv: delimiter={delimiter!r}; it is one character, or 'tab'")
    label = request.options.get("label")
    inputs, labels = read_csv(path, label, delimiter, header == "yes")
    name = f"csv:{path}"
    if "test" not in request.options:
        return from_arrays(inputs, labels, name=name, origin=str(path))
    test_path = _file(request.options["test"])
    test_inputs, test_labels = read_csv(test_path, label, delimiter, header == "yes")
    if test_inputs.shape[1] != inputs.shape[1]:
        raise DataError(
            f"{path} has {inputs.shape[1]} features, {test_path} {test_inputs.shape[1]}; "
            "they must have the same columns"
        )
    return from_arrays(inputs, labels, test_inputs, test_labels, name=name, origin=str(path))


def _file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise DataError(f"{path} is not there, or no file; give the path of a CSV file")
    return path


SOURCE = Source(
    CARD,
    _load,
    is_scheme=True,
    options=("label", "header", "delimiter", "test"),
    example="csv:PATH?label=COLUMN",
)

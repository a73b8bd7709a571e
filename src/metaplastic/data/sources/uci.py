"""uci:NAME — a data set in the UCI repository, by its own package; needs the extra "uci"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.arrays import from_arrays
from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError, MissingExtraError

CARD = Card(
    name="uci",
    title="a data set in the UCI repository",
    kind="vector",
    origin="https://archive.ics.uci.edu",
    licence="as stated there",
    citation="Kelly, Longjohn and Nottingham, The UCI Machine Learning Repository",
    role="user",
    summary="NAME or number in the repository; label=COLUMN if there are several targets, or for "
    "another column; drop=COLUMN,COLUMN",
)


def _load(request: Request) -> Dataset:
    try:
        from ucimlrepo import fetch_ucirepo  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError("ucimlrepo", "uci", f"uci:{request.rest}") from error
    given = request.rest
    request.progress(f"asking archive.ics.uci.edu for {given}", 0, None)
    try:
        result: Any = fetch_ucirepo(**({"id": int(given)} if given.isdigit() else {"name": given}))
        frame, metadata = result.data.original, result.metadata
        features, targets = result.data.features, result.data.targets
    except Exception as error:  # errors of the network, of the server's answer, of the parser
        text = str(error).split("\n")[0][:200] or type(error).__name__
        raise DataError(
            f"uci:{given} could not be fetched from archive.ics.uci.edu ({text}); check the name "
            "and the connection"
        ) from error
    name = f"uci:{metadata.uci_id}"
    columns = [] if features is None else [str(column) for column in features.columns]
    label = _label(name, frame, targets, request.options.get("label"))
    dropped = [column.strip() for column in request.options.get("drop", "").split(",") if column]
    for column in dropped:
        _check_column(name, column, frame)
    used = [column for column in columns if column not in (label, *dropped)]
    if not used:
        raise DataError(f"{name}: no column of features is left")
    dataset = from_arrays(
        _numbers(name, frame, used),
        np.asarray(frame[label]),
        name=name,
        origin=f"{CARD.origin}/dataset/{metadata.uci_id}",
        feature_names=used,
    )
    left_out = [str(column) for column in frame.columns if str(column) not in (label, *used)]
    notes = [f"{metadata.name}, label {label!r}"]
    notes += [f"columns left out: {', '.join(left_out)}"] if left_out else []
    return replace(dataset, notes=(*notes, *dataset.notes))


def _label(name: str, frame: Any, targets: Any, wanted: str | None) -> str:
    """Return the column of labels. Raises `DataError` if there is none, or more than one."""
    if wanted is not None:
        _check_column(name, wanted, frame)
        return wanted
    columns = [] if targets is None else [str(column) for column in targets.columns]
    if len(columns) != 1:
        have = f"{len(columns)} targets ({', '.join(columns)})" if columns else "no target"
        raise DataError(f"{name} has {have}; choose a column with ?label=COLUMN")
    return columns[0]


def _check_column(name: str, column: str, frame: Any) -> None:
    if column not in frame.columns:
        raise DataError(f"{name} has no column {column!r}; it has: {', '.join(frame.columns)}")


def _numbers(name: str, frame: Any, columns: list[str]) -> NDArray[np.float64]:
    """Return columns as numbers (n, d). Raises `DataError` naming those with text or gaps."""
    kinds = {column: frame[column].dtype.kind for column in columns}
    gaps = {column: int(frame[column].isna().sum()) for column in columns}
    text = [column for column in columns if kinds[column] not in "biuf"]
    incomplete = [f"{column} ({count})" for column, count in gaps.items() if count]
    problems = [f"{', '.join(text)}: text, not numbers"] if text else []
    problems += [f"{', '.join(incomplete)}: missing values"] if incomplete else []
    if problems:
        raise DataError(
            f"{name}: columns {'; '.join(problems)}; leave them out with ?drop=COLUMN,…"
        )
    return frame[columns].to_numpy(np.float64)


SOURCE = Source(
    CARD,
    _load,
    is_scheme=True,
    options=("label", "drop"),
    example="uci:Iris?label=class",
)

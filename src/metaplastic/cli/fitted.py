"""Read the rows to which `transform` and `predict` apply a fitted model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaplastic.cli.matrices import check_numbers, print_notes
from metaplastic.cli.showing import progress
from metaplastic.errors import DataError

if TYPE_CHECKING:
    from metaplastic.data.rows import Rows
    from metaplastic.encoder import PlasticClassifier, PlasticEncoder, PlasticRegressor


def read_rows_for(
    fitted: PlasticEncoder | PlasticClassifier | PlasticRegressor,
    model: Path,
    data: str,
    *,
    split: str,
    options: dict[str, str],
    data_dir: Path | None,
    quiet: bool,
) -> Rows:
    """Read rows with their columns in the order in which the model was fitted, and print the notes.

    model: its file, for messages. Raises `DataError` if the columns are not those of the model or
    a value is not a finite number.
    """
    from metaplastic.data.rows import read_rows

    # removed from the model, because the columns are put in its order here
    known = vars(fitted).pop("feature_names_in_", None)
    columns = None if known is None else [str(name) for name in known]
    rows = read_rows(
        data,
        split=split,
        options=options,
        data_dir=data_dir,
        expected=columns,
        progress=progress(),
    )
    rows = rows.aligned(columns, data, str(model))
    check_numbers(rows.values, data)
    if rows.values.shape[1] != fitted.n_features_in_:
        raise DataError(
            f"{data}: {rows.values.shape[1]} columns, but {model} was fitted on "
            f"{fitted.n_features_in_}"
        )
    if not quiet:
        print_notes(data, rows.notes)
    return rows

"""`metaplastic predict`: predict new rows with a model of `classify` or `regress`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaplastic.cli.few_labels import predictions, write_rows
from metaplastic.cli.fitted import read_rows_for
from metaplastic.cli.matrices import (
    DataDirOption,
    DecimalOption,
    DelimiterOption,
    DropOption,
    EncodingOption,
    HeaderOption,
    IndexOption,
    QuietOption,
    SplitOption,
    check_output,
    given_options,
)
from metaplastic.cli.overwriting import check_not_inputs
from metaplastic.cli.showing import progress, say
from metaplastic.errors import DataError

if TYPE_CHECKING:
    from metaplastic.encoder import PlasticClassifier, PlasticRegressor


def predict(
    model: Annotated[
        Path,
        typer.Argument(help="A model file saved by `classify` or `regress` with --model."),
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="Rows with the columns that the model was fitted on: a file (.npy, .npz, .csv, "
            ".tsv, .parquet), a folder, or a data set."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Output file with predictions: .csv or .parquet.")],
    split: SplitOption = "auto",
    header: HeaderOption = None,
    index: IndexOption = None,
    drop: DropOption = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    data_dir: DataDirOption = None,
    quiet: QuietOption = False,
) -> None:
    """Predict the class and class probabilities, or the number, of each row with a fitted model."""
    check_output(out, (".csv", ".parquet"))
    check_not_inputs([out], data, [model])
    estimator = _load(model)
    options = given_options(
        header=header,
        index=index,
        drop=drop,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
    )
    rows = read_rows_for(
        estimator, model, data, split=split, options=options, data_dir=data_dir, quiet=quiet
    )
    progress()("predicting the rows")
    try:
        predicted = predictions(estimator, rows.values)
    except ValueError as error:
        raise DataError(f"{data}: {' '.join(str(error).split())}") from None
    write_rows(out, rows, predicted)
    if not quiet:
        say(f"{out}: {rows.values.shape[0]:,} rows, each with its {predicted[0][0]}")


def _load(path: Path) -> PlasticClassifier | PlasticRegressor:
    """Load a classifier or a regressor. Raises `ModelFileError` for any other file."""
    from metaplastic.encoder import PlasticClassifier, PlasticRegressor
    from metaplastic.encoder.semi_supervised_files import kind_of

    kind: Any = PlasticRegressor if kind_of(path) == "regressor" else PlasticClassifier
    return kind.load(path)

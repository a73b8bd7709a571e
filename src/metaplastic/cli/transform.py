"""`metaplastic transform`: features of rows, by a model that `metaplastic fit` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def transform(
    model: Annotated[Path, typer.Argument(help="A model file that `metaplastic fit` wrote.")],
    data: Annotated[
        str,
        typer.Argument(
            help="Rows: a file (.npy, .csv, .parquet, sparse .npz) or a data set (mnist, …)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where features go: .npy, .csv or .parquet.")],
    split: Annotated[str, typer.Option(help="Of a data set, which split to take.")] = "train",
    data_dir: Annotated[
        Path | None, typer.Option(help="Searched first for a data set's files.")
    ] = None,
) -> None:
    """Write the features of each row, one row each."""
    from metaplastic.cli.matrices import check_output, read_matrix, write_features
    from metaplastic.encoder import PlasticEncoder
    from metaplastic.errors import DataError

    check_output(out)
    encoder = PlasticEncoder.load(model)
    rows = read_matrix(data, split, data_dir)
    try:
        features = encoder.transform(rows)
    except ValueError as problem:
        raise DataError(f"{data}: {' '.join(str(problem).split())}") from None
    write_features(out, features, encoder.get_feature_names_out())
    typer.echo(f"{out}: {features.shape[0]:,} rows, {features.shape[1]} features")

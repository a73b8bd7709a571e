"""`metaplastic transform`: compute features of rows with a model of `metaplastic fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    write_features,
)
from metaplastic.cli.overwriting import check_not_inputs, names_file
from metaplastic.cli.showing import line, progress, say
from metaplastic.errors import ConfigError, DataError


def transform(
    model: Annotated[Path, typer.Argument(help="A model file written by `metaplastic fit`.")],
    data: Annotated[
        str,
        typer.Argument(
            help="Rows: a file (.npy, .npz, .csv, .tsv, .parquet), a folder of images or texts, or "
            "a data set (mnist, csv:PATH?label=COLUMN)."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Output file: .npy, .csv or .parquet. Names of rows (file names, an index) become "
            "a column; for .npy they are written to NAME.names.txt."
        ),
    ],
    layers: Annotated[
        str | None,
        typer.Option(
            help="Layers to write: all (the inputs and every layer, side by side), last, or layer "
            "numbers such as 0,2 (0: the inputs). Default: as saved in the model."
        ),
    ] = None,
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
    """Write the features of each row to a file."""
    from metaplastic.encoder import PlasticEncoder

    check_output(out)
    check_not_inputs([out], data, [model])
    encoder = PlasticEncoder.load(model)
    if layers is not None:
        encoder.set_params(layers=_layers(layers))
    # before the data are read, since it checks the layers
    names = [str(name) for name in encoder.get_feature_names_out()]
    options = given_options(
        header=header,
        index=index,
        drop=drop,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
    )
    rows = read_rows_for(
        encoder, model, data, split=split, options=options, data_dir=data_dir, quiet=quiet
    )
    try:
        progress()("computing the features")
        features = encoder.transform(rows.values)
    except ValueError as error:
        raise DataError(f"{data}: {' '.join(str(error).split())}") from None
    progress()(f"writing {out.name}")
    write_features(out, features, names, rows.names)
    if rows.names is None and out.suffix.lower() == ".npy" and names_file(out).exists():
        line(f"{names_file(out)} belongs to an earlier output: the rows written now have no names")
    summary = f"{out}: {features.shape[0]:,} rows, {features.shape[1]} features"
    if rows.names is not None and out.suffix.lower() == ".npy":
        summary += f"; names of the rows: {names_file(out)}"
    if not quiet:
        say(summary)


def _layers(text: str) -> str | tuple[int, ...]:
    if text in ("all", "last"):
        return text
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--layers {text!r}: give all, last, or layer numbers such as 0,2"
        ) from None

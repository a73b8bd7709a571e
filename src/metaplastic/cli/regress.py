"""`metaplastic regress`: predict a number for every row of a table with few known targets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metaplastic.cli.few_labels import (
    IgnoreOption,
    RuleOption,
    SeedOption,
    check_before_reading,
    check_neighbours,
    fit_on,
    predictions,
    read_labelled,
    save_model,
    show_notes,
    what_is_read,
    write_rows,
)
from metaplastic.cli.matrices import (
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    HeaderOption,
    IndexOption,
    NeighboursOption,
    QuietOption,
    given_options,
)
from metaplastic.cli.showing import progress, say


def regress(
    data: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .tsv, .parquet) with all rows; the target's cell is blank in rows "
            "whose target is unknown."
        ),
    ],
    target: Annotated[
        str,
        typer.Option("--target", "--label", help="Column to predict, by name or number, from 0."),
    ],
    out: Annotated[Path, typer.Option(help="Output file with predictions: .csv or .parquet.")],
    ignore: IgnoreOption = None,
    model: Annotated[
        Path | None, typer.Option(help="Also save the fitted regressor, as MODEL.safetensors.")
    ] = None,
    rule: RuleOption = "default",
    readout: Annotated[
        str,
        typer.Option(
            help="ridge (on the inputs and all layers), inputs (ridge regression on the inputs "
            "alone), or auto: the mean of ridge and inputs."
        ),
    ] = "auto",
    neighbours: NeighboursOption = 0,
    seed: SeedOption = 0,
    header: HeaderOption = None,
    index: IndexOption = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    quiet: QuietOption = False,
) -> None:
    """Learn features from all rows and a regression from rows with a target; predict every row."""
    from metaplastic.encoder import PlasticEncoder, PlasticRegressor
    from metaplastic.encoder.regression_readouts import AVERAGED
    from metaplastic.errors import unknown_name

    if readout not in AVERAGED:
        raise unknown_name("readout", readout, AVERAGED)
    check_neighbours(readout, neighbours)
    check_before_reading(data, out, model, rule, seed)
    options = given_options(
        label=target,
        drop=ignore,
        header=header,
        index=index,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
    )
    rows = read_labelled(data, options)
    source = f"{data}, column {target!r}"
    targets = rows.numbers(source)
    if not quiet:
        show_notes(data, rows)
    regressor = PlasticRegressor(
        PlasticEncoder(rule, neighbours=neighbours, random_state=seed), readout=readout
    )
    fit_on(regressor, rows, targets, source)
    progress()("predicting the rows")
    columns = predictions(regressor, rows.values)
    write_rows(out, rows, [("target", [text or "" for text in rows.labels or ()]), *columns])
    save_model(regressor, rows, model)
    if quiet:
        return
    if model is not None and neighbours:
        say(f"{model}: holds the {rows.values.shape[0]:,} rows (--neighbours)")
    say(f"{out}: {rows.values.shape[0]:,} rows, learned from {regressor.n_labelled_:,} targets")
    for name, fitted in regressor.readouts_.items():
        read = what_is_read(name, neighbours)
        r2 = "" if fitted.r2 != fitted.r2 else f" (R² {fitted.r2:.3f})"
        say(f"leave-one-out root mean squared error, {read}: {fitted.rmse:.4g}{r2}")

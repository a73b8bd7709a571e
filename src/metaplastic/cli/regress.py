"""`metaplastic regress`: a number for every row of a table of which few rows have one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metaplastic.cli.few_labels import (
    IgnoreOption,
    QuietOption,
    RuleOption,
    SeedOption,
    check_before_reading,
    fit_on,
    predictions,
    read_labelled,
    save_model,
    show_notes,
    write_rows,
)
from metaplastic.cli.matrices import (
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    HeaderOption,
    IndexOption,
    given_options,
)
from metaplastic.cli.showing import progress, say


def regress(
    data: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .tsv, .parquet) with all rows; where a row's target is not known, "
            "its cell is left blank."
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--target", "--label", help="The column to predict, by name or by number from 0."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where each row's number goes: .csv or .parquet.")],
    ignore: IgnoreOption = None,
    model: Annotated[
        Path | None, typer.Option(help="Write the regressor too, to MODEL.safetensors.")
    ] = None,
    rule: RuleOption = "default",
    readout: Annotated[
        str,
        typer.Option(
            help="auto: the mean of two ridge regressions, on all layers with the inputs and on "
            "the inputs alone. Or one of ridge, inputs."
        ),
    ] = "auto",
    seed: SeedOption = 0,
    header: HeaderOption = None,
    index: IndexOption = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    quiet: QuietOption = False,
) -> None:
    """Learn features from all rows and a regression from those with a target, and predict it for
    every row."""
    from metaplastic.encoder import PlasticEncoder, PlasticRegressor
    from metaplastic.encoder.regression_readouts import AVERAGED
    from metaplastic.errors import unknown_name

    if readout not in AVERAGED:
        raise unknown_name("readout", readout, AVERAGED)
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
    where = f"{data}, column {target!r}"
    targets = rows.numbers(where)
    if not quiet:
        show_notes(data, rows)
    regressor = PlasticRegressor(PlasticEncoder(rule, random_state=seed), readout=readout)
    fit_on(regressor, rows, targets, where)
    progress()("predicting the rows")
    columns = predictions(regressor, rows.values)
    write_rows(out, rows, [("target", [text or "" for text in rows.labels or ()]), *columns])
    save_model(regressor, rows, model)
    if quiet:
        return
    say(f"{out}: {rows.values.shape[0]:,} rows, learned from {regressor.n_labelled_:,} targets")
    for name, found in regressor.readouts_.items():
        read = "inputs alone" if name == "inputs" else "inputs and all layers"
        r2 = "" if found.r2 != found.r2 else f" (R² {found.r2:.3f})"
        say(f"error on a target that is left out, {read}: {found.rmse:.4g}{r2}, root mean square")

"""`metaplastic classify`: predict the class of every row of a table with few labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
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
from metaplastic.errors import DataError


def classify(
    data: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .tsv, .parquet) with all rows; the label's cell is blank in rows "
            "whose label is unknown."
        ),
    ],
    label: Annotated[str, typer.Option(help="Column of labels, by name or number, from 0.")],
    out: Annotated[Path, typer.Option(help="Output file with predictions: .csv or .parquet.")],
    ignore: IgnoreOption = None,
    missing: Annotated[
        str | None,
        typer.Option(
            help="Labels that are unknown: auto (blank cells, and NA, None, null, ? and the like) "
            "or blank (blank cells only)."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Also save the fitted classifier, as MODEL.safetensors.")
    ] = None,
    rule: RuleOption = "default",
    readout: Annotated[
        str,
        typer.Option(
            help="logistic or ridge (on the inputs and all layers), inputs (logistic regression on "
            "the inputs alone), or auto: the mean of logistic and inputs."
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
    """Learn features from all rows and a classifier from labelled rows; classify every row."""
    import numpy as np

    from metaplastic.encoder import PlasticClassifier, PlasticEncoder
    from metaplastic.encoder.readouts import VOTERS
    from metaplastic.errors import unknown_name

    if readout not in VOTERS:
        raise unknown_name("readout", readout, VOTERS)
    check_neighbours(readout, neighbours)
    check_before_reading(data, out, model, rule, seed)
    options = given_options(
        label=label,
        missing=missing,
        drop=ignore,
        header=header,
        index=index,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
    )
    rows = read_labelled(data, options)
    assert rows.labels is not None
    source = f"{data}, column {label!r}"
    _check_classes(rows.labels, source, rows.decimal)
    if not quiet:
        show_notes(data, rows, _minus_ones(rows.labels, rows.decimal))
    classifier = PlasticClassifier(
        PlasticEncoder(rule, neighbours=neighbours, random_state=seed), readout=readout
    )
    labels = np.empty(len(rows.labels), object)
    labels[:] = rows.labels
    fit_on(classifier, rows, labels, source)
    progress()("classifying the rows")
    columns = predictions(classifier, rows.values)
    write_rows(out, rows, [("label", [text or "" for text in rows.labels]), *columns])
    save_model(classifier, rows, model)
    if quiet:
        return
    if model is not None and neighbours:
        say(f"{model}: holds the {rows.values.shape[0]:,} rows (--neighbours)")
    say(
        f"{out}: {len(rows.labels):,} rows in {len(classifier.classes_)} classes, learned from "
        f"{classifier.n_labelled_:,} labels"
    )
    for name, readout_ in classifier.readouts_.items():
        read = what_is_read(name, neighbours)
        if readout_.accuracy == readout_.accuracy:
            say(f"cross-validated accuracy on the labelled rows, {read}: {readout_.accuracy:.3f}")
        else:
            say(f"{read}: accuracy unknown, because some class has only one label")


def _check_classes(labels: Sequence[str | None], source: str, decimal: str) -> None:
    """Raise `DataError` for labels that are measurements rather than classes."""
    from metaplastic.data.parsers.cells import to_number

    fraction = None
    for text in labels:
        number = 0.0 if text is None else to_number(text, decimal)
        if number is None:
            return  # text
        if fraction is None and not number.is_integer():
            fraction = text
    if fraction is not None:
        raise DataError(
            f"{source}: {fraction} is not a whole number, so not a class; give the column of "
            "classes as --label, or predict numbers with `metaplastic regress`"
        )


def _minus_ones(labels: Sequence[str | None], decimal: str) -> tuple[str, ...]:
    """Return a note if -1, which elsewhere means unlabelled, is a class; -1 and 1 alone are a usual
    pair of classes."""
    from metaplastic.data.parsers.cells import to_number

    numbers = [to_number(text, decimal) for text in labels if text is not None]
    count = numbers.count(-1)
    if not count or set(numbers) == {-1, 1}:
        return ()
    return (f"label: -1 is taken as a class, of {count:,} rows; a blank cell means unknown",)

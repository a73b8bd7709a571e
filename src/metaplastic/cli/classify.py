"""`metaplastic classify`: classes for every row of a table of which few rows are labelled."""

from __future__ import annotations

from collections.abc import Sequence
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
from metaplastic.errors import DataError


def classify(
    data: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .tsv, .parquet) with all rows; where a row's label is not known, "
            "its cell is left blank."
        ),
    ],
    label: Annotated[str, typer.Option(help="The column of labels, by name or by number from 0.")],
    out: Annotated[Path, typer.Option(help="Where each row's class goes: .csv or .parquet.")],
    ignore: IgnoreOption = None,
    model: Annotated[
        Path | None, typer.Option(help="Write the classifier too, to MODEL.safetensors.")
    ] = None,
    rule: RuleOption = "default",
    readout: Annotated[
        str,
        typer.Option(
            help="auto: the mean of two logistic regressions, on all layers with the inputs and on "
            "the inputs alone. Or one of logistic, ridge, inputs."
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
    """Learn features from all rows and classes from the labelled ones, and classify every row."""
    import numpy as np

    from metaplastic.encoder import PlasticClassifier, PlasticEncoder
    from metaplastic.encoder.readouts import VOTERS
    from metaplastic.errors import unknown_name

    if readout not in VOTERS:
        raise unknown_name("readout", readout, VOTERS)
    check_before_reading(data, out, model, rule, seed)
    options = given_options(
        label=label,
        drop=ignore,
        header=header,
        index=index,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
    )
    rows = read_labelled(data, options)
    assert rows.labels is not None
    where = f"{data}, column {label!r}"
    _check_classes(rows.labels, where)
    if not quiet:
        show_notes(data, rows)
    classifier = PlasticClassifier(PlasticEncoder(rule, random_state=seed), readout=readout)
    labels = np.empty(len(rows.labels), object)
    labels[:] = rows.labels
    fit_on(classifier, rows, labels, where)
    progress()("classifying the rows")
    columns = predictions(classifier, rows.values)
    write_rows(out, rows, [("label", [text or "" for text in rows.labels]), *columns])
    save_model(classifier, rows, model)
    if quiet:
        return
    say(
        f"{out}: {len(rows.labels):,} rows in {len(classifier.classes_)} classes, learned from "
        f"{classifier.n_labelled_:,} labels"
    )
    for name, vote in classifier.readouts_.items():
        read = "inputs alone" if name == "inputs" else "inputs and all layers"
        if vote.accuracy == vote.accuracy:
            say(f"cross-validated accuracy on those labels, {read}: {vote.accuracy:.3f}")
        else:
            say(f"{read}: accuracy not known, as some class has one label alone")


def _check_classes(labels: Sequence[str | None], where: str) -> None:
    """Raises `DataError` for labels that are measurements rather than classes."""
    given = [text for text in labels if text is not None]
    try:
        numbers = [float(text) for text in given]
    except ValueError:
        return  # text
    fraction = next((t for t, n in zip(given, numbers, strict=True) if not n.is_integer()), None)
    if fraction is not None:
        raise DataError(
            f"{where}: {fraction} is not a whole number, so not a class; name the column of "
            "classes by --label, or predict numbers by `metaplastic regress`"
        )

"""`metaplastic classify`: classes for every row of a table of which few rows are labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic.cli.matrices import (
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    HeaderOption,
    IndexOption,
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
    ignore: Annotated[
        str | None,
        typer.Option("--ignore", "--drop", help="Columns that are no features, comma-separated."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Write the classifier too, to MODEL.safetensors.")
    ] = None,
    rule: Annotated[
        str, typer.Option(help="A shipped rule, the path of a rule file, or hf://owner/name.")
    ] = "default",
    readout: Annotated[
        str,
        typer.Option(
            help="auto: the mean of two logistic regressions, on all layers with the inputs and on "
            "the inputs alone. Or one of logistic, ridge, inputs."
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Draws the network and the minibatches.")] = 0,
    header: HeaderOption = None,
    index: IndexOption = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no progress and no notes.")
    ] = False,
) -> None:
    """Learn features from all rows and classes from the labelled ones, and classify every row."""
    import warnings

    import numpy as np

    from metaplastic import files
    from metaplastic.cli.matrices import (
        check_numbers,
        check_output,
        check_seed,
        given_options,
        print_notes,
        write_columns,
    )
    from metaplastic.compilation import use_compilation_cache
    from metaplastic.data.rows import read_rows
    from metaplastic.encoder import PlasticClassifier, PlasticEncoder
    from metaplastic.encoder.estimator import FEW
    from metaplastic.encoder.readouts import VOTERS
    from metaplastic.errors import ModelFileError, unknown_name
    from metaplastic.hub import load_rule

    check_output(out, (".csv", ".parquet"))
    if model is not None:
        files.check_writable(model, ModelFileError)
    if readout not in VOTERS:
        raise unknown_name("readout", readout, VOTERS)
    check_seed(seed)
    load_rule(rule)  # a mistake in its name costs no reading of data
    options = given_options(
        label=label,
        drop=ignore,
        header=header,
        index=index,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
    )
    rows = read_rows(data, split="all", options=options, progress=progress())
    check_numbers(rows.values, data)
    assert rows.labels is not None
    _check_classes(rows.labels, f"{data}, column {label!r}")
    if not quiet:
        few = ("few rows to learn features from",) if rows.values.shape[0] < FEW else ()
        print_notes(data, (*rows.notes, *few))
    warnings.filterwarnings("ignore", "PlasticClassifier.fit saw")  # a note says so
    use_compilation_cache()
    encoder = PlasticEncoder(rule, random_state=seed)
    classifier = PlasticClassifier(encoder, readout=readout)
    labels = np.empty(len(rows.labels), object)
    labels[:] = rows.labels
    try:
        classifier.fit(rows.values, labels)
        progress()("classifying the rows")
        likely = classifier.predict_proba(rows.values)
    except ValueError as problem:
        raise DataError(f"{data}, column {label!r}: {' '.join(str(problem).split())}") from None
    chosen = likely.argmax(axis=1)
    names = [] if rows.names is None else [("name", list(rows.names))]
    columns: list[tuple[str, Any]] = [
        *names,
        ("label", [text or "" for text in rows.labels]),
        ("class", [str(classifier.classes_[code]) for code in chosen]),
        ("probability", likely.max(axis=1)),
        *(
            (f"probability of {name}", likely[:, code])
            for code, name in enumerate(classifier.classes_)
        ),
    ]
    progress()(f"writing {out.name}")
    write_columns(out, columns)
    if rows.columns is not None:
        # as scikit-learn keeps a data frame's
        classifier.feature_names_in_ = np.array(rows.columns, dtype=object)
    if model is not None:
        classifier.save(model)
    if quiet:
        return
    known = sum(text is not None for text in rows.labels)
    say(
        f"{out}: {len(chosen):,} rows in {len(classifier.classes_)} classes, learned from "
        f"{known:,} labels"
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
            "classes by --label"
        )

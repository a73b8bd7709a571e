"""Common parts of `classify` and `regress`: tables in which few rows have a label or target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaplastic import files
from metaplastic.cli.matrices import (
    check_numbers,
    check_output,
    check_seed,
    print_notes,
    write_columns,
)
from metaplastic.cli.overwriting import check_not_inputs
from metaplastic.cli.showing import progress
from metaplastic.errors import ConfigError, DataError, ModelFileError

if TYPE_CHECKING:
    from metaplastic.data.rows import Rows
    from metaplastic.encoder import PlasticClassifier, PlasticRegressor

IgnoreOption = Annotated[
    str | None,
    typer.Option("--ignore", "--drop", help="Columns that are not features, comma-separated."),
]
RuleOption = Annotated[
    str, typer.Option(help="A shipped rule's name, a rule file, or hf://owner/name.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of the network and the minibatches.")]


def check_before_reading(data: str, out: Path, model: Path | None, rule: str, seed: int) -> None:
    """Check these options before the data are read. Raises `DataError`, `ModelFileError`,
    `ConfigError` or `RuleFileError`."""
    from metaplastic.hub import load_rule

    check_output(out, (".csv", ".parquet"))
    check_not_inputs([out, model], data, [rule])
    if model is not None:
        if model.absolute() == out.absolute():
            raise ModelFileError(f"{model}: --out and --model are the same file")
        files.check_writable(model, ModelFileError)
    check_seed(seed)
    load_rule(rule)


def read_labelled(data: str, options: dict[str, str]) -> Rows:
    """Read all rows of a table, including unlabelled ones."""
    from metaplastic.data.rows import read_rows

    rows = read_rows(data, split="all", options=options, progress=progress())
    check_numbers(rows.values, data)
    return rows


def show_notes(data: str, rows: Rows, more: tuple[str, ...] = ()) -> None:
    """Print on stderr what was read, inferred and left out, and further notes."""
    from metaplastic.encoder.estimator import FEW

    few = ("few rows to learn features from",) if rows.values.shape[0] < FEW else ()
    print_notes(data, (*rows.notes, *more, *few))


def fit_on(
    estimator: PlasticClassifier | PlasticRegressor, rows: Rows, labels: Any, source: str
) -> None:
    """Fit on all rows. Raises `DataError` if there are too few labels or they are invalid."""
    import warnings

    from metaplastic.compilation import use_compilation_cache

    warnings.filterwarnings("ignore", r"Plastic\w+\.fit saw")  # a note is printed instead
    use_compilation_cache()
    try:
        estimator.fit(rows.values, labels)
    except ValueError as error:
        raise DataError(f"{source}: {' '.join(str(error).split())}") from None


def predictions(
    estimator: PlasticClassifier | PlasticRegressor, values: Any
) -> list[tuple[str, Any]]:
    """Return columns with each row's class and class probabilities, or with its number."""
    from metaplastic.encoder import PlasticRegressor

    if isinstance(estimator, PlasticRegressor):
        return [("prediction", estimator.predict(values))]
    probabilities, classes = estimator.predict_proba(values), estimator.classes_
    codes = probabilities.argmax(axis=1)
    return [
        ("class", [str(classes[code]) for code in codes]),
        ("probability", probabilities.max(axis=1)),
        *((f"probability of {name}", probabilities[:, code]) for code, name in enumerate(classes)),
    ]


def check_neighbours(readout: str, neighbours: int) -> None:
    """Raise `ConfigError` if neighbours are asked for that the readout would not read."""
    if neighbours and readout == "inputs":
        raise ConfigError(
            "--readout inputs reads the inputs alone, not their averages; leave out --neighbours"
        )


def what_is_read(readout: str, neighbours: int) -> str:
    """Describe the features that one of `readouts_` reads."""
    if readout == "inputs":
        return "inputs alone"
    return "inputs and all layers" + (", also averaged over neighbours" if neighbours else "")


def write_rows(out: Path, rows: Rows, columns: list[tuple[str, Any]]) -> None:
    """Write the names of the rows, if they have any, and the columns."""
    progress()(f"writing {out.name}")
    names = [] if rows.names is None else [("name", list(rows.names))]
    write_columns(out, [*names, *columns])


def save_model(
    estimator: PlasticClassifier | PlasticRegressor, rows: Rows, model: Path | None
) -> None:
    """Write the fitted estimator to `model`, if given, with the names of its columns."""
    import numpy as np

    if model is not None:
        if rows.columns is not None:  # as scikit-learn does for data frames
            estimator.feature_names_in_ = np.array(rows.columns, dtype=object)
        estimator.save(model)

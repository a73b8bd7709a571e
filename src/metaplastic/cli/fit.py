"""`metaplastic fit`: learn features from unlabelled rows, into a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic.cli.matrices import (
    DecimalOption,
    DelimiterOption,
    DropOption,
    EncodingOption,
    HeaderOption,
    IndexOption,
    SplitOption,
    check_numbers,
    check_seed,
    given_options,
    print_notes,
)
from metaplastic.cli.showing import progress, say

HIDDEN, COMPONENTS, ACTIVATION = "128,64", 32, "relu"


def fit(
    data: Annotated[
        str,
        typer.Argument(
            help="Unlabelled rows: a file (.npy, .npz, .csv, .tsv, .parquet), a folder of images "
            "or texts, or a data set (mnist, mnist@14, csv:PATH?label=COLUMN)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The model file to write, MODEL.safetensors.")],
    rule: Annotated[
        str, typer.Option(help="A shipped rule, the path of a rule file, or hf://owner/name.")
    ] = "default",
    hidden: Annotated[
        str, typer.Option(help="Units of each hidden layer, comma-separated; empty for none.")
    ] = HIDDEN,
    components: Annotated[int, typer.Option(min=1, help="Units of the last layer.")] = COMPONENTS,
    model: Annotated[
        Path | None,
        typer.Option(
            help="A base model of another topology, with convolutions or residual connections, as "
            ".toml or .json; in place of --hidden, --components and --activation."
        ),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            help="Standardise by one scale for all inputs (global), by one for each column "
            "(columns), or as their spreads say (auto)."
        ),
    ] = "auto",
    activation: Annotated[str, typer.Option(help="Of every layer.")] = ACTIVATION,
    max_iter: Annotated[
        int | None,
        typer.Option(min=0, help="Inner steps, one minibatch each; left out: as the rule's card."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Rows of a minibatch; left out: as the rule's card.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the network and the minibatches.")] = 0,
    split: SplitOption = "auto",
    header: HeaderOption = None,
    index: IndexOption = None,
    drop: DropOption = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Searched first for a data set's files.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no progress and no notes.")
    ] = False,
) -> None:
    """Learn features from unlabelled rows; `transform` then applies the model."""
    import warnings

    import numpy as np

    from metaplastic.base_model import ACTIVATIONS
    from metaplastic.compilation import use_compilation_cache
    from metaplastic.data.rows import read_rows
    from metaplastic.encoder import PlasticEncoder
    from metaplastic.encoder.estimator import FEW
    from metaplastic.encoder.scale import SCALES
    from metaplastic.errors import ConfigError, DataError, unknown_name
    from metaplastic.files import check_writable
    from metaplastic.hub import load_rule

    check_writable(out, DataError)
    ACTIVATIONS.check(activation)
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    try:
        layers = tuple(int(n) for n in hidden.split(",") if n.strip())
    except ValueError:
        layers = (0,)
    if any(n < 1 for n in layers):
        raise ConfigError(f"--hidden {hidden!r}: give integers of at least 1, as in 128,64")
    given = {"--hidden": hidden != HIDDEN, "--components": components != COMPONENTS}
    given["--activation"] = activation != ACTIVATION
    if model is not None and any(given.values()):
        raise ConfigError(
            "--model describes the layers and their activation; leave out "
            + ", ".join(option for option, changed in given.items() if changed)
        )
    use_compilation_cache()
    encoder = PlasticEncoder(
        rule=rule,
        hidden_layer_sizes=layers,
        n_components=components,
        model=None if model is None else _read_model(model),
        scale=scale,
        activation=activation,
        max_iter=max_iter,
        batch_size=batch_size,
        random_state=seed,
    )
    options = given_options(
        header=header,
        index=index,
        drop=drop,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
    )
    check_seed(seed)
    load_rule(rule)  # a mistake in its name costs no reading of data
    rows = read_rows(data, split=split, options=options, data_dir=data_dir, progress=progress())
    check_numbers(rows.values, data)
    if not quiet:
        few = ("few rows to learn features from",) if rows.values.shape[0] < FEW else ()
        print_notes(data, (*rows.notes, *few))
    warnings.filterwarnings("ignore", "PlasticEncoder.fit saw")  # it speaks of pipelines
    try:
        encoder.fit(rows.values)
    except ValueError as problem:
        raise DataError(f"{data}: {' '.join(str(problem).split())}") from None
    if rows.columns is not None:
        # As scikit-learn keeps a data frame's, so that `transform` can know columns by name.
        encoder.feature_names_in_ = np.array(rows.columns, dtype=object)
    progress()(f"writing {out.name}")
    encoder.save(out)
    if not quiet:
        features = len(encoder.get_feature_names_out())
        say(f"{out}: {encoder.n_features_in_} inputs, {features} features")


def _read_model(path: Path) -> dict[str, Any]:
    """The table of a base model, as the file holds it. Raises `ConfigError`."""
    from metaplastic import files
    from metaplastic.base_model import parse_model
    from metaplastic.errors import ConfigError

    read = files.read_json if path.suffix.lower() == ".json" else files.read_toml
    table = read(path, ConfigError)
    try:
        parse_model(table)
    except ConfigError as problem:
        raise ConfigError(f"{path}: {problem}") from None
    return table

"""`metaplastic fit`: learn features from unlabelled rows, and save the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic.cli.matrices import (
    DataDirOption,
    DecimalOption,
    DelimiterOption,
    DropOption,
    EncodingOption,
    HeaderOption,
    IndexOption,
    NeighboursOption,
    QuietOption,
    SplitOption,
    check_numbers,
    check_seed,
    given_options,
    print_notes,
)
from metaplastic.cli.overwriting import check_not_inputs
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
    out: Annotated[Path, typer.Option(help="Model file to write, MODEL.safetensors.")],
    rule: Annotated[
        str, typer.Option(help="A shipped rule's name, a rule file, or hf://owner/name.")
    ] = "default",
    hidden: Annotated[
        str, typer.Option(help="Units of each hidden layer, comma-separated; '' for none.")
    ] = HIDDEN,
    components: Annotated[int, typer.Option(min=1, help="Units of the last layer.")] = COMPONENTS,
    model: Annotated[
        Path | None,
        typer.Option(
            help="A .toml or .json file with another base model, such as one with convolutions or "
            "residual connections; replaces --hidden, --components and --activation."
        ),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            help="Standardisation: one scale for all inputs (global), one per column (columns), or "
            "chosen from the columns' variances (auto)."
        ),
    ] = "auto",
    activation: Annotated[str, typer.Option(help="Activation of every layer.")] = ACTIVATION,
    max_iter: Annotated[
        int | None,
        typer.Option(
            min=0, help="Inner steps, one minibatch each; default: as on the rule's card."
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Rows per minibatch; default: as on the rule's card.")
    ] = None,
    neighbours: NeighboursOption = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the network and the minibatches.")] = 0,
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
    """Learn features from unlabelled rows; use `metaplastic transform` to apply the model."""
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
    check_not_inputs([out], data, [rule, model])
    ACTIVATIONS.check(activation)
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    try:
        layers = tuple(int(n) for n in hidden.split(",") if n.strip())
    except ValueError:
        layers = (0,)
    if any(n < 1 for n in layers):
        raise ConfigError(f"--hidden {hidden!r}: give integers of at least 1, for example 128,64")
    changes = {"--hidden": hidden != HIDDEN, "--components": components != COMPONENTS}
    changes["--activation"] = activation != ACTIVATION
    if model is not None and any(changes.values()):
        raise ConfigError(
            "--model describes the layers and their activation; leave out "
            + ", ".join(option for option, changed in changes.items() if changed)
        )
    use_compilation_cache()
    encoder = PlasticEncoder(
        rule=rule,
        hidden_layer_sizes=layers,
        n_components=components,
        model=None if model is None else _read_model(model),
        neighbours=neighbours,
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
    load_rule(rule)  # report a wrong name before the data are read
    rows = read_rows(data, split=split, options=options, data_dir=data_dir, progress=progress())
    check_numbers(rows.values, data)
    if not quiet:
        few = ("few rows to learn features from",) if rows.values.shape[0] < FEW else ()
        print_notes(data, (*rows.notes, *few))
    warnings.filterwarnings("ignore", "PlasticEncoder.fit saw")  # its advice is about pipelines
    try:
        encoder.fit(rows.values)
    except ValueError as error:
        raise DataError(f"{data}: {' '.join(str(error).split())}") from None
    if rows.columns is not None:
        # as scikit-learn does for data frames, so that `transform` can match columns by name
        encoder.feature_names_in_ = np.array(rows.columns, dtype=object)
    progress()(f"writing {out.name}")
    encoder.save(out)
    if not quiet:
        features = len(encoder.get_feature_names_out())
        held = f"; it holds the {rows.values.shape[0]:,} rows (--neighbours)" if neighbours else ""
        say(f"{out}: {encoder.n_features_in_} inputs, {features} features{held}")


def _read_model(path: Path) -> dict[str, Any]:
    """Read and check the table of a base model. Raises `ConfigError`."""
    from metaplastic import files
    from metaplastic.base_model import parse_model
    from metaplastic.errors import ConfigError

    read = files.read_json if path.suffix.lower() == ".json" else files.read_toml
    table = read(path, ConfigError)
    try:
        parse_model(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return table

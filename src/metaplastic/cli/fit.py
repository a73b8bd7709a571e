"""`metaplastic fit`: learn features from unlabelled rows, into a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fit(
    data: Annotated[
        str,
        typer.Argument(
            help="Unlabelled rows: a file (.npy, .csv, .parquet, sparse .npz) or a data set "
            "(mnist, mnist@14, folder:PATH, …)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The model file to write, MODEL.safetensors.")],
    rule: Annotated[
        str, typer.Option(help="A shipped rule, the path of a rule file, or hf://owner/name.")
    ] = "default",
    hidden: Annotated[
        str, typer.Option(help="Units of each hidden layer, comma-separated; empty for none.")
    ] = "128,128",
    components: Annotated[int, typer.Option(min=1, help="Features to learn.")] = 32,
    activation: Annotated[str, typer.Option(help="Of every layer.")] = "relu",
    max_iter: Annotated[int, typer.Option(min=0, help="Inner steps, one minibatch each.")] = 200,
    batch_size: Annotated[int, typer.Option(min=2, help="Rows of a minibatch.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Draws the network and the minibatches.")] = 0,
    split: Annotated[str, typer.Option(help="Of a data set, which split to take.")] = "train",
    data_dir: Annotated[
        Path | None, typer.Option(help="Searched first for a data set's files.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress.")] = False,
) -> None:
    """Learn features from unlabelled rows; `transform` then applies the model."""
    from metaplastic.cli.matrices import read_matrix
    from metaplastic.cli.runtime import use_compilation_cache
    from metaplastic.encoder import PlasticEncoder
    from metaplastic.errors import ConfigError, DataError

    if not out.parent.is_dir():
        raise DataError(f"{out}: there is no folder {out.parent}")
    try:
        layers = tuple(int(n) for n in hidden.split(",") if n.strip())
    except ValueError:
        raise ConfigError(f"--hidden {hidden!r}: give integers, as in 128,128") from None
    use_compilation_cache()
    rows = read_matrix(data, split, data_dir)
    encoder = PlasticEncoder(
        rule=rule,
        hidden_layer_sizes=layers,
        n_components=components,
        activation=activation,
        max_iter=max_iter,
        batch_size=batch_size,
        random_state=seed,
        verbose=int(not quiet),
    )
    try:
        encoder.fit(rows)
    except ValueError as problem:
        raise DataError(f"{data}: {' '.join(str(problem).split())}") from None
    encoder.save(out)
    if not quiet:
        typer.echo(f"{out}: {encoder.n_features_in_} inputs, {components} features")

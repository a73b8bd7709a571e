"""`metaplastic evaluate`: few-shot accuracy of a rule and of baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaplastic.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table


def evaluate(
    rule: Annotated[
        str, typer.Argument(help="A rule file, a shipped rule's name, or hebbian.", metavar="RULE")
    ],
    dataset: Annotated[
        str, typer.Option(help="A data set: digits, mnist@14, folder:PATH, csv:PATH?label=COLUMN.")
    ] = "digits",
    out: Annotated[
        Path | None, typer.Option(help="JSON file for the results.", dir_okay=False)
    ] = None,
    labels_per_class: Annotated[int, typer.Option(min=1, help="Labelled examples per class.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds.")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, help="First seed.")] = 0,
    inner_steps: Annotated[
        int | None,
        typer.Option(min=0, help="Inner steps; default: as many as the rule was meta-trained for."),
    ] = None,
    points: Annotated[
        str,
        typer.Option(help="Inner steps after which to measure accuracy, for example 0,50,200."),
    ] = "",
    hidden: Annotated[
        str, typer.Option(help="Units of the hidden layers, for example 128,64.")
    ] = "128,64",
    features: Annotated[int, typer.Option(min=1, help="Units of the last layer.")] = 32,
    activation: Annotated[str, typer.Option(help="Activation of the base model.")] = "relu",
    batch_size: Annotated[
        int | None,
        typer.Option(min=2, help="Examples per inner minibatch; default: as on the rule's card."),
    ] = None,
    unlabelled: Annotated[
        int | None, typer.Option(min=2, help="Limit on the number of unlabelled examples.")
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            help="Layers to read: last, all (every layer and the inputs), or averaged (all, also "
            "of rows averaged over their nearest neighbours)."
        ),
    ] = "last",
    baselines: Annotated[
        str,
        typer.Option(
            "--baselines", "--rivals", help="Baselines, for example random,raw; or all, or none."
        ),
    ] = "random,raw",
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with the data sets' published files.")
    ] = None,
) -> None:
    """Learn features without labels, fit a readout on few labels, and score the test split."""
    from metaplastic.cli.overwriting import check_not_inputs
    from metaplastic.cli.showing import progress, say
    from metaplastic.errors import DataError
    from metaplastic.evaluation import FewShotConfig
    from metaplastic.evaluation import evaluate as run
    from metaplastic.evaluation.named_rule import DEFAULT_BATCH_SIZE, inner_steps_of, named_rule
    from metaplastic.evaluation.protocol import settings
    from metaplastic.evaluation.results import write_json
    from metaplastic.files import check_writable

    if out is not None:
        check_not_inputs([out], dataset, [rule])
    named = named_rule(rule)
    curve_points = numbers(points, "--points")
    if inner_steps is None:
        inner_steps = max(curve_points, default=inner_steps_of(named))
    config = settings(
        FewShotConfig,
        dataset=dataset,
        labels_per_class=labels_per_class,
        seeds=seeds,
        first_seed=first_seed,
        hidden=numbers(hidden, "--hidden"),
        n_features=features,
        activation=activation,
        batch_size=batch_size or named.batch_size or DEFAULT_BATCH_SIZE,
        inner_steps=inner_steps,
        points=curve_points,
        unlabelled=unlabelled,
        layers=layers,
    )
    chosen = baseline_names(baselines)
    if out is not None:
        check_writable(out, DataError, parents=True)
    evaluation = run(named, config, baselines=chosen, data_dir=data_dir, progress=progress())
    content = evaluation.to_json()
    say(table(content))
    if named.caution:
        say(f"{named.label}: {named.caution}")
    for note in content["dataset"]["notes"]:
        say(f"{content['dataset']['address']}: {note}")
    if out is not None:
        write_json(out, content)
        say(f"written to {out}")


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Parse whole numbers separated by commas. Raises `ConfigError` that names the option."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ConfigError(
            f"{option} {text!r}: give whole numbers separated by commas, for example 128,64"
        ) from None


def baseline_names(text: str) -> tuple[str, ...]:
    """Parse names of baselines separated by commas, or `all` or `none`."""
    from metaplastic.errors import unknown_name
    from metaplastic.evaluation.baselines import BASELINES

    if text.strip() in ("", "none"):
        return ()
    if text.strip() == "all":
        return tuple(BASELINES)
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        if name not in BASELINES:
            raise unknown_name("baseline", name, [*BASELINES, "all", "none"])
    return names


def table(content: dict[str, Any]) -> Table:
    """Return a table of methods with mean accuracy, standard error and paired difference, best
    first."""
    from rich.markup import escape
    from rich.table import Table

    from metaplastic.evaluation.results import with_error

    config, data = content["settings"], content["dataset"]
    layers = "-".join(map(str, (*config["hidden"], config["n_features"])))
    result = Table(
        title=f"{escape(config['dataset'])}: {config['labels_per_class']} labels per class, "
        f"{data['test']:,} test examples, {config['seeds']} seeds, base model {layers}",
        title_justify="left",
    )
    result.add_column("features")
    result.add_column("accuracy ± s.e.", justify="right")
    result.add_column("rule minus method ± s.e.", justify="right")
    rows = []
    for name, method in content["methods"].items():
        title = method["title"]
        if name == "rule":
            title += f", {method['points'][-1]} inner steps"
        rows.append((method["mean"], title, with_error(method), with_error(method.get("paired"))))
    for _, title, accuracy, paired in sorted(rows, key=lambda row: -row[0]):
        result.add_row(title, accuracy, paired)
    rule = content["methods"]["rule"]
    if len(rule["points"]) > 1:
        result.add_section()
        for point, summary in zip(rule["points"], rule["curve_summary"], strict=True):
            result.add_row(f"after {point} inner steps", with_error(summary), "")
    return result

"""`metaplastic evaluate`: few-shot accuracy of a rule beside baselines."""

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
        str, typer.Option(help="A data set: digits, mnist@14, folder:PATH, csv:PATH?label=COLUMN")
    ] = "digits",
    out: Annotated[
        Path | None, typer.Option(help="Where to write the numbers, JSON.", dir_okay=False)
    ] = None,
    labels_per_class: Annotated[int, typer.Option(min=1, help="Labelled examples per class.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    inner_steps: Annotated[
        int | None,
        typer.Option(min=0, help="Inner steps; left out: those the rule was meta-trained to."),
    ] = None,
    points: Annotated[
        str, typer.Option(help="Inner steps after which to take accuracy, as 0,50,200.")
    ] = "",
    hidden: Annotated[str, typer.Option(help="Units of the hidden layers, as 128,64.")] = "128,64",
    features: Annotated[int, typer.Option(min=1, help="Units of the top layer.")] = 32,
    activation: Annotated[str, typer.Option(help="Activation of the base model.")] = "relu",
    batch_size: Annotated[
        int | None,
        typer.Option(min=2, help="Examples in an inner minibatch; left out: the rule's own."),
    ] = None,
    unlabelled: Annotated[
        int | None, typer.Option(min=2, help="Use only so many unlabelled examples.")
    ] = None,
    layers: Annotated[
        str, typer.Option(help="Layers read: last, or all (every layer and the inputs).")
    ] = "last",
    baselines: Annotated[
        str,
        typer.Option("--baselines", "--rivals", help="Baselines, as random,raw; or all, or none."),
    ] = "random,raw",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets' published files lie.")
    ] = None,
) -> None:
    """Fit features without labels, a readout on a few labels, and score the test split."""
    from metaplastic.cli.showing import progress, say
    from metaplastic.errors import DataError
    from metaplastic.evaluation import FewShotConfig
    from metaplastic.evaluation import evaluate as run
    from metaplastic.evaluation.named_rule import DEFAULT_BATCH_SIZE, inner_steps_of, named_rule
    from metaplastic.evaluation.protocol import settings
    from metaplastic.evaluation.results import write_json
    from metaplastic.files import check_writable

    given = named_rule(rule)
    at = numbers(points, "--points")
    steps = inner_steps if inner_steps is not None else max(at, default=inner_steps_of(given))
    config = settings(
        FewShotConfig,
        dataset=dataset,
        labels_per_class=labels_per_class,
        seeds=seeds,
        first_seed=first_seed,
        hidden=numbers(hidden, "--hidden"),
        n_features=features,
        activation=activation,
        batch_size=batch_size or given.batch_size or DEFAULT_BATCH_SIZE,
        inner_steps=steps,
        points=at,
        unlabelled=unlabelled,
        layers=layers,
    )
    chosen = baseline_names(baselines)
    if out is not None:
        check_writable(out, DataError, parents=True)
    found = run(given, config, baselines=chosen, data_dir=data_dir, progress=progress())
    content = found.to_json()
    say(table(content))
    if given.caution:
        say(f"{given.label}: {given.caution}")
    for note in content["dataset"]["notes"]:
        say(f"{content['dataset']['address']}: {note}")
    if out is not None:
        write_json(out, content)
        say(f"written to {out}")


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers separated by commas. Raises `ConfigError` naming the option."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ConfigError(
            f"{option} {text!r}: give whole numbers with commas between, as 128,64"
        ) from None


def baseline_names(text: str) -> tuple[str, ...]:
    """Names of baselines separated by commas; `all` and `none` too."""
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
    """Methods with mean accuracy, standard error and paired difference, best first."""
    from rich.markup import escape
    from rich.table import Table

    config, data = content["settings"], content["dataset"]
    layers = "-".join(map(str, (*config["hidden"], config["n_features"])))
    drawn = Table(
        title=f"{escape(config['dataset'])}: {config['labels_per_class']} labels per class, "
        f"{data['test']:,} test examples, {config['seeds']} seeds, base model {layers}",
        title_justify="left",
    )
    drawn.add_column("features")
    drawn.add_column("accuracy ± s.e.", justify="right")
    drawn.add_column("rule minus it ± s.e.", justify="right")
    rows = []
    for name, method in content["methods"].items():
        title = method["title"]
        if name == "rule":
            title += f", {method['points'][-1]} inner steps"
        rows.append((method["mean"], title, with_error(method), with_error(method.get("paired"))))
    for _, title, accuracy, paired in sorted(rows, key=lambda row: -row[0]):
        drawn.add_row(title, accuracy, paired)
    rule = content["methods"]["rule"]
    if len(rule["points"]) > 1:
        drawn.add_section()
        for point, summary in zip(rule["points"], rule["curve_summary"], strict=True):
            drawn.add_row(f"after {point} inner steps", with_error(summary), "")
    return drawn


def with_error(summary: dict[str, Any] | None) -> str:
    """A mean and its standard error, with how many seeds gave no number."""
    if summary is None:
        return ""
    failed = f" ({summary['failed']} failed)" if summary["failed"] else ""
    return f"{summary['mean']:.3f} ± {summary['standard_error']:.3f}{failed}"

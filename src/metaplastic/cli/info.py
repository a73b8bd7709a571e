"""`metaplastic info`: describe a rule file or a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def info(
    target: Annotated[
        str,
        typer.Argument(
            help="A rule file, a shipped rule's name, or a run directory.", metavar="RULE_OR_RUN"
        ),
    ],
) -> None:
    """Describe a rule (its card, as Markdown) or a run (its settings and progress)."""
    path = Path(target)
    if path.is_dir():
        _describe_run(_newest_stage(path))
        return
    from metaplastic.hub import rule_page

    typer.echo(rule_page(target))


def _newest_stage(path: Path) -> Path:
    """List the stages of a run, if it has any; return the run to describe: the last one begun."""
    from metaplastic.meta.run.metrics import read_metrics
    from metaplastic.meta.run.stages import read_stages

    stages = read_stages(path)
    if stages is None:
        return path
    for number, stage in enumerate(stages, 1):
        metrics = read_metrics(stage.path)  # warnings on damaged lines are printed below
        done = metrics[-1]["meta_step"] if metrics else 0
        _say(f"stage {number}: meta-step {done} of {stage.last}")
    return next((s.path for s in reversed(stages) if s.begun), stages[0].path)


def _describe_run(path: Path) -> None:
    import json

    from metaplastic.durations import duration
    from metaplastic.errors import RunError
    from metaplastic.meta.run.metrics import read_metrics
    from metaplastic.meta.run.run_dir import read_config, read_settings

    settings = read_settings(path)
    warnings: list[str] = []
    metrics = read_metrics(path, warnings.append)
    _say(f"run {path}")
    for warning in warnings:
        _say(f"warning: {warning}")
    try:
        config = read_config(path)
    except RunError as error:  # for example a rule of a module that is not imported
        _say(f"warning: {error}")
        total = "an unknown number"
    else:
        settings, total = config.model_dump(mode="json"), config.optimizer.meta_steps
    if metrics:
        last = metrics[-1]
        _say(f"meta-step {last['meta_step']} of {total}, {duration(last['seconds'])} so far")
        _say(f"loss {last['loss']:.4f}")
        validated = [m for m in metrics if "validation_accuracy" in m]
        if validated:
            latest = validated[-1]
            accuracies = ", ".join(
                f"{value:.3f} after {age} inner steps"
                for age, value in latest["validation_accuracy"].items()
            )
            _say(f"validation accuracy {accuracies} (meta-step {latest['meta_step']})")
        _say(f"tasks dropped for non-finite values: {sum(m['dropped'] for m in metrics)}")
    else:
        _say(f"meta-step 0 of {total}")
    rules = sorted((path / "rules").glob("*.safetensors"))
    if rules:
        _say("rules: " + ", ".join(rule.name for rule in rules))
    typer.echo(json.dumps(settings, indent=2))  # which escapes control characters


def _say(text: str) -> None:
    """Print one line; files of a run can be someone else's."""
    from metaplastic.errors import printable

    typer.echo(printable(text))

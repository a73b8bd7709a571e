"""`metaplastic meta-train`: meta-train a rule into a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic.errors import ConfigError

DEFAULT_PRESET = "quick"


def meta_train(
    out: Annotated[Path, typer.Option("--out", help="The run directory.", show_default=False)],
    preset: Annotated[
        str | None,
        typer.Option(help="Settings to begin from: tiny, quick (the default) or paper."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="A TOML or JSON file of settings, laid on the preset."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run in --out as if it had never stopped."),
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the whole run.")] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="Data sets to meta-train on, as in glyphs,omniglot@14,cifar10@16."),
    ] = None,
    meta_steps: Annotated[int | None, typer.Option(help="Updates of θ in all.")] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting: --set optimizer.learning_rate=1e-3 (repeatable)."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets' published files lie.")
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds between checkpoints.")
    ] = 120.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard events to OUT/events.")
    ] = False,
) -> None:
    """Meta-train an update rule by truncated backpropagation through its inner loop.

    Writes config.json, metrics.jsonl, checkpoints, a ladder of rule files and rule.safetensors
    into --out. Interrupt and SIGTERM save and exit; --resume goes on.
    """
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.runtime import (
        StopSignals,
        command_line,
        one_thread_per_operation,
        use_compilation_cache,
    )
    from metaplastic.meta.config import make_config, parse_override
    from metaplastic.meta.reporter import Reporter, Reporters
    from metaplastic.meta.run_dir import RunDir
    from metaplastic.meta.trainer import Trainer

    one_thread_per_operation()
    overrides: list[dict[str, Any]] = [parse_override(text) for text in override or []]
    if seed is not None:
        overrides.append({"seed": seed})
    if tasks is not None:
        names = [name.strip() for name in tasks.split(",") if name.strip()]
        if not names:
            raise ConfigError(f"--tasks {tasks!r}: name at least one data set, as in glyphs")
        overrides.append({"tasks": {"sources": names}})
    if meta_steps is not None:
        overrides.append({"optimizer": {"meta_steps": meta_steps}})
    # a bare --resume asks for nothing: the run's own settings hold
    asked = bool(overrides) or config is not None or preset is not None
    wanted = make_config(preset or DEFAULT_PRESET, config, overrides)

    reporter: Reporter = ConsoleReporter()
    if tensorboard:
        from metaplastic.cli.tensorboard import TensorBoardReporter

        reporter = Reporters(reporter, TensorBoardReporter(out / "events"))
    run = RunDir.resume(out, wanted if asked else None) if resume else RunDir.create(out, wanted)
    stop = StopSignals(reporter.warning)
    try:
        use_compilation_cache()
        trainer = Trainer(
            run,
            data_dir=data_dir,
            reporter=reporter,
            checkpoint_seconds=checkpoint_seconds,
            command=command_line(),
        )
        finished = trainer.train(stop)
    finally:
        reporter.close()
        run.close()
    if not finished:
        typer.echo(f"saved; go on by: metaplastic meta-train --out {out} --resume", err=True)
        raise typer.Exit(stop.status)
    typer.echo(f"the rule is {out / 'rule.safetensors'}")

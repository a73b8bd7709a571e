"""The part of `metaplastic meta-train` that owns the run directory: its screen and its signals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from metaplastic.meta.engines import EngineOptions
    from metaplastic.meta.reporter import Reporter
    from metaplastic.meta.stages import Stage


@dataclass(frozen=True)
class JobOptions:
    """Options of the command line that hold for every stage, beside its configuration.

    settings: whether any settings were given; if not, those that the directory holds apply.
    """

    settings: bool
    engine: str | None
    options: EngineOptions
    data_dir: Path | None
    checkpoint_seconds: float
    tensorboard: bool


def lead(out: Path, stages: list[Stage], given: JobOptions, *, resume: bool) -> int:
    """Meta-train stage after stage; the exit status."""
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.runtime import StopSignals, command_line
    from metaplastic.meta.orchestration import RunOptions, run_stages

    console, signals = ConsoleReporter(), []

    def watch() -> StopSignals:
        signals.append(StopSignals(console.warning))
        return signals[0]

    how = RunOptions(
        reporter=_with_events if given.tensorboard else lambda _: ConsoleReporter(),
        say=console.message,
        watch=watch,
        engine=given.engine,
        options=given.options,
        data_dir=given.data_dir,
        checkpoint_seconds=given.checkpoint_seconds,
        command=command_line(),
    )
    if run_stages(stages, out, resume=resume, own_settings=not given.settings, how=how):
        typer.echo(f"the rule is {out / 'rule.safetensors'}")
        return 0
    typer.echo(f"saved; go on by: metaplastic meta-train --out {out} --resume", err=True)
    return signals[0].status


def _with_events(run: Path) -> Reporter:
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.tensorboard import TensorBoardReporter
    from metaplastic.meta.reporter import Reporters

    return Reporters(ConsoleReporter(), TensorBoardReporter(run / "events"))

"""The part of `metaplastic meta-train` that owns the run directory: its screen and its signals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaplastic.meta.engines import EngineOptions
    from metaplastic.meta.run.reporter import Reporter
    from metaplastic.meta.run.stages import Stage


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
    from metaplastic.cli.runtime import StopSignals, command_line
    from metaplastic.cli.showing import line, say
    from metaplastic.meta.run.orchestration import RunOptions, run_stages

    signals = []

    def watch() -> StopSignals:
        signals.append(StopSignals(line))
        return signals[0]

    how = RunOptions(
        reporter=_with_events if given.tensorboard else lambda _: _on_screen(),
        watch=watch,
        engine=given.engine,
        options=given.options,
        data_dir=given.data_dir,
        checkpoint_seconds=given.checkpoint_seconds,
        command=command_line(),
    )
    if run_stages(stages, out, resume=resume, own_settings=not given.settings, how=how):
        say(f"the rule is {out / 'rule.safetensors'}")
        return 0
    line(f"saved; go on by: metaplastic meta-train --out {out} --resume")
    return signals[0].status


def _on_screen() -> Reporter:
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.showing import display
    from metaplastic.meta.run.reporter import Reporter

    shown = display()
    return Reporter() if shown is None else ConsoleReporter(shown)


def _with_events(run: Path) -> Reporter:
    from metaplastic.cli.tensorboard import TensorBoardReporter
    from metaplastic.meta.run.reporter import Reporters

    return Reporters(_on_screen(), TensorBoardReporter(run / "events"))

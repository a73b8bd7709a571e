"""The process of `metaplastic meta-train` that owns the run directory: display and signals."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metaplastic import plugins

if TYPE_CHECKING:
    from metaplastic.meta.engines import EngineOptions
    from metaplastic.meta.run.reporter import Reporter
    from metaplastic.meta.run.stages import Stage


@dataclass(frozen=True)
class JobOptions:
    """Command-line options that apply to all stages, besides their configurations.

    settings: whether any settings were given; if not, those of the run directory apply.
    """

    settings: bool
    engine: str | None
    options: EngineOptions
    data_dir: Path | None
    checkpoint_seconds: float
    tensorboard: bool


def lead(out: Path, stages: list[Stage], job: JobOptions, *, resume: bool) -> int:
    """Meta-train one stage after another; return the exit status."""
    from metaplastic.cli.runtime import StopSignals, command_line
    from metaplastic.cli.showing import line, say
    from metaplastic.meta.run.orchestration import RunOptions, run_stages

    signals = []

    def watch() -> StopSignals:
        signals.append(StopSignals(line))
        return signals[0]

    options = RunOptions(
        reporter=_with_events if job.tensorboard else lambda _: _console_reporter(),
        watch=watch,
        engine=job.engine,
        options=job.options,
        data_dir=job.data_dir,
        checkpoint_seconds=job.checkpoint_seconds,
        command=command_line(),
    )
    if run_stages(stages, out, resume=resume, own_settings=not job.settings, how=options):
        say(f"rule file: {out / 'rule.safetensors'}")
        return 0
    line(f"saved; to continue, run: {_resuming(out, job.data_dir)}")
    return signals[0].status


def _resuming(out: Path, data_dir: Path | None) -> str:
    """Return the command that resumes the run, with what its directory does not record: the data
    directory and the user's own modules."""
    command = ["metaplastic", "meta-train", "--out", str(out), "--resume"]
    command += [f"--data-dir={data_dir}"] if data_dir else []
    command += [f"--import={target}" for target in plugins.requested()]
    return shlex.join(command)


def _console_reporter() -> Reporter:
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.showing import display
    from metaplastic.meta.run.reporter import Reporter

    shown = display()
    return Reporter() if shown is None else ConsoleReporter(shown)


def _with_events(run: Path) -> Reporter:
    from metaplastic.cli.tensorboard import TensorBoardReporter
    from metaplastic.meta.run.reporter import Reporters

    return Reporters(_console_reporter(), TensorBoardReporter(run / "events"))

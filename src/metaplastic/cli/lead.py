"""The part of `metaplastic meta-train` that owns the run directory: a run, or stage after stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from metaplastic.errors import ConfigError, RunError

if TYPE_CHECKING:
    from metaplastic.cli.runtime import StopSignals
    from metaplastic.meta.engines import EngineOptions
    from metaplastic.meta.reporter import Reporter
    from metaplastic.meta.stages import Stage


@dataclass(frozen=True)
class Asked:
    """What the command line asks of every stage, beside its configuration.

    `settings` tells whether it asks for any: if not, those that the directory holds go on.
    """

    settings: bool
    engine: str | None
    options: EngineOptions
    data_dir: Path | None
    checkpoint_seconds: float
    tensorboard: bool


def lead(out: Path, stages: list[Stage], asked: Asked, *, resume: bool) -> int:
    """Meta-train stage after stage; the exit status."""
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.runtime import StopSignals
    from metaplastic.meta.stages import (
        check_ahead,
        check_begun,
        publish,
        read_stages,
        record_stages,
        settle,
    )

    recorded = read_stages(out)
    if recorded is not None and resume and not asked.settings:
        if stages[0].until is not None:
            raise ConfigError(f"--until: the stages in {str(out)!r} each have their own")
        stages = recorded
    staged = stages[0].path != out
    if staged:
        check_begun(out, stages, resume=resume)
    elif recorded is not None:
        raise RunError(f"{str(out)!r} holds a run in stages; name another directory for this one")
    console = ConsoleReporter()
    if staged:
        console.message("looking for the data of every stage")
        cluster = asked.options.cluster
        check_ahead(
            [stage.config for stage in stages if not stage.done],
            1 if cluster is None else cluster.count,
            asked.data_dir,
        )
        record_stages(out, stages)
    stop = StopSignals(console.warning)
    for number, stage in enumerate(stages, 1):
        if staged:
            over = stage.done
            what = "done" if over else f"{stage.last} meta-steps, in {stage.path}"
            console.message(f"stage {number} of {len(stages)}, {what}")
            if over:
                continue
        going_on = resume and (not staged or stage.begun)
        if staged and going_on:
            settle(stage)
        reached = _run(stage, stop, asked, resume=going_on)
        publish(out, stage)
        cut = reached < (stage.last if staged else stage.config.optimizer.meta_steps)
        if cut or (stop() and stage is not stages[-1]):
            typer.echo(f"saved; go on by: metaplastic meta-train --out {out} --resume", err=True)
            return stop.status
    typer.echo(f"the rule is {out / 'rule.safetensors'}")
    return 0


def _run(stage: Stage, stop: StopSignals, asked: Asked, *, resume: bool) -> int:
    """One run, to its end or until it is stopped; the meta-step that it reached."""
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.runtime import command_line
    from metaplastic.meta.config import engine_to_go_on
    from metaplastic.meta.reporter import Reporters
    from metaplastic.meta.run_dir import RunDir, read_config
    from metaplastic.meta.trainer import Trainer

    wanted, engine = stage.config, asked.engine
    if resume:
        saved = read_config(stage.path).engine
        engine = engine_to_go_on(saved, engine)
        wanted = wanted.model_copy(update={"engine": saved})
    engine = engine or wanted.engine
    if engine == "mesh" and asked.options.cluster is None:
        engine = "local"  # of one process, they are the same
    reporter: Reporter = ConsoleReporter()
    if asked.tensorboard:
        from metaplastic.cli.tensorboard import TensorBoardReporter

        reporter = Reporters(reporter, TensorBoardReporter(stage.path / "events"))
    run = (
        RunDir.resume(stage.path, wanted if asked.settings else None)
        if resume
        else RunDir.create(stage.path, wanted)
    )
    try:
        trainer = Trainer(
            run,
            data_dir=asked.data_dir,
            reporter=reporter,
            checkpoint_seconds=asked.checkpoint_seconds,
            command=command_line(),
            engine=engine,
            options=asked.options,
        )
        trainer.train(stop, until=stage.until)
        trainer.close()
    finally:
        reporter.close()
        run.close()
    return trainer.meta_step

"""The part of `metaplastic meta-train` that owns the run directory: a run, or stage after stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    from metaplastic.meta.run_dir import read_config
    from metaplastic.meta.stages import read_stages

    recorded = read_stages(out)
    own_settings = resume and not asked.settings
    if recorded is not None and own_settings:
        if stages[0].until is not None:
            raise ConfigError(f"--until: the stages in {str(out)!r} each have their own")
        stages = recorded
    if stages[0].path != out:
        return _in_stages(out, stages, asked, resume=resume)
    if recorded is not None:
        raise RunError(f"{str(out)!r} holds a run in stages; name another directory for this one")
    (stage,) = stages
    if own_settings:
        stage = replace(stage, config=read_config(out))
    stop = _stop_signals()
    reached = _run(stage, stop, asked, resume=resume)
    return _end(out, stop, over=reached >= stage.config.optimizer.meta_steps)


def _in_stages(out: Path, stages: list[Stage], asked: Asked, *, resume: bool) -> int:
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.meta.claim import Claim
    from metaplastic.meta.stages import RECORD, check_begun, record_stages

    check_begun(out, stages, resume=resume)
    claim = Claim(out)
    try:
        check_begun(out, stages, resume=resume)  # what another process did meanwhile
        ConsoleReporter().message("looking for the data of every stage")
        _check_ahead(out, stages, asked)
        record_stages(out, stages)
        return _one_after_another(out, stages, asked, resume=resume)
    finally:
        if any(stage.begun for stage in stages):
            claim.release()
        else:
            claim.give_up([out / RECORD])


def _check_ahead(out: Path, stages: list[Stage], asked: Asked) -> None:
    from metaplastic.files import check_writable
    from metaplastic.meta.stages import RULE, check_ahead

    check_writable(out / RULE, RunError)
    cluster = asked.options.cluster
    check_ahead(
        [stage.config for stage in stages if not stage.done],
        1 if cluster is None else cluster.count,
        asked.data_dir,
    )


def _one_after_another(out: Path, stages: list[Stage], asked: Asked, *, resume: bool) -> int:
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.meta.stages import publish, settle

    console, stop = ConsoleReporter(), _stop_signals()
    for number, stage in enumerate(stages, 1):
        what = "done" if stage.done else f"{stage.last} meta-steps, in {stage.path}"
        console.message(f"stage {number} of {len(stages)}, {what}")
        if stage.done:
            continue
        going_on = resume and stage.begun
        if going_on:
            settle(stage)
        reached = _run(stage, stop, asked, resume=going_on)
        publish(out, stage)
        if reached < stage.last or (stop() and stage is not stages[-1]):
            return _end(out, stop, over=False)
    return _end(out, stop, over=True)


def _stop_signals() -> StopSignals:
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.runtime import StopSignals

    return StopSignals(ConsoleReporter().warning)


def _end(out: Path, stop: StopSignals, *, over: bool) -> int:
    """Say how it goes on, or where the rule is; the exit status."""
    if over:
        typer.echo(f"the rule is {out / 'rule.safetensors'}")
        return 0
    typer.echo(f"saved; go on by: metaplastic meta-train --out {out} --resume", err=True)
    return stop.status


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
    run = (
        RunDir.resume(stage.path, wanted if asked.settings else None)
        if resume
        else RunDir.create(stage.path, wanted)
    )
    reporter: Reporter = ConsoleReporter()
    events = stage.path / "events"
    kept_events = events.exists()
    done = 0
    try:
        if asked.tensorboard:
            from metaplastic.cli.tensorboard import TensorBoardReporter

            reporter = Reporters(reporter, TensorBoardReporter(events))
        trainer = Trainer(
            run,
            data_dir=asked.data_dir,
            reporter=reporter,
            checkpoint_seconds=asked.checkpoint_seconds,
            command=command_line(),
            engine=engine,
            options=asked.options,
        )
        try:
            trainer.train(stop, until=stage.until)
        finally:
            done = trainer.meta_step
        trainer.close()
    finally:
        reporter.close()
        if done or resume:
            run.close()
        else:  # it failed at once: as if it had not been asked for
            run.discard([] if kept_events else [*events.glob("*"), events])
    return done

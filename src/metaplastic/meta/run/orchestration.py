"""A whole job of meta-training: one run, or stages that begin from one another's rules.

    meta_train(make_config("quick"), Path("runs/mine"))
    run_stages(make_stages(out, file=Path("recipe.toml")), out)

Both are what `metaplastic meta-train` does, without its signals and its screen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from metaplastic.errors import ConfigError, RunError
from metaplastic.files import check_writable
from metaplastic.meta.config import MetaTrainConfig, engine_to_go_on
from metaplastic.meta.engines import EngineOptions
from metaplastic.meta.run.claim import Claim
from metaplastic.meta.run.reporter import Reporter
from metaplastic.meta.run.run_dir import RULE, RunDir, read_config
from metaplastic.meta.run.stages import (
    RECORD,
    Stage,
    check_ahead,
    check_begun,
    point_at_earlier,
    publish,
    read_stages,
    record_stages,
)
from metaplastic.meta.run.trainer import Trainer

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """How a job is run; nothing here affects its result.

    reporter: makes the callbacks of the run in a directory.
    watch: called when work begins; the function that it returns is called after each meta-step,
    and where it returns True the run is saved and ends. engine: continues a run in place of the
    config's own.
    """

    reporter: Callable[[Path], Reporter] = lambda _: Reporter()
    watch: Callable[[], Callable[[], bool]] = lambda: lambda: False
    engine: str | None = None
    options: EngineOptions = field(default_factory=EngineOptions)
    data_dir: Path | None = None
    checkpoint_seconds: float = 120.0
    command: str = ""


def meta_train(
    config: MetaTrainConfig,
    out: Path | str,
    *,
    resume: bool = False,
    until: int | None = None,
    how: RunOptions | None = None,
) -> bool:
    """Meta-train one rule into the directory `out`; return whether it reached its last meta-step.

    With `resume` it continues as if it had never stopped. Raises `ConfigError`, `DataError` and
    `RunError` for what a user can get wrong.
    """
    return run_stages([Stage(Path(out), config, until)], out, resume=resume, how=how)


def run_stages(
    stages: list[Stage],
    out: Path | str,
    *,
    resume: bool = False,
    own_settings: bool = False,
    how: RunOptions | None = None,
) -> bool:
    """Meta-train stage after stage into `out`; return whether the last one reached its end.

    With `resume`, finished stages are left alone. `own_settings`: the run in the directory
    continues with the settings that it started with, whatever those of `stages` are. Raises as
    `meta_train`.
    """
    out, how = Path(out), how or RunOptions()
    recorded = read_stages(out)
    own_settings = resume and own_settings
    if recorded is not None and own_settings:
        if stages[0].until is not None:
            raise ConfigError(f"--until: the stages in {str(out)!r} each have their own")
        stages = recorded
    if stages[0].path != out:
        return _in_stages(out, stages, how, resume=resume, own_settings=own_settings)
    if recorded is not None:
        raise RunError(f"{str(out)!r} holds a run in stages; name another directory for this one")
    (stage,) = stages
    if own_settings:
        stage = replace(stage, config=read_config(out))
    stop = how.watch()
    reached = run_stage(stage, how, stop, resume=resume, own_settings=own_settings)
    return reached >= stage.config.optimizer.meta_steps


def _in_stages(
    out: Path, stages: list[Stage], how: RunOptions, *, resume: bool, own_settings: bool
) -> bool:
    check_begun(out, stages, resume=resume)
    claim = Claim(out)
    try:
        check_begun(out, stages, resume=resume)  # what another process did meanwhile
        LOG.info("looking for the data of every stage")
        check_writable(out / RULE, RunError)
        cluster = how.options.cluster
        check_ahead(
            [stage.config for stage in stages if not stage.done],
            1 if cluster is None else cluster.count,
            how.data_dir,
        )
        record_stages(out, stages)
        return _one_after_another(out, stages, how, resume=resume, own_settings=own_settings)
    finally:
        if any(stage.begun for stage in stages):
            claim.release()
        else:
            claim.give_up([out / RECORD])


def _one_after_another(
    out: Path, stages: list[Stage], how: RunOptions, *, resume: bool, own_settings: bool
) -> bool:
    stop = how.watch()
    for number, stage in enumerate(stages, 1):
        what = "done" if stage.done else f"{stage.last} meta-steps, in {stage.path}"
        LOG.info("stage %d of %d, %s", number, len(stages), what)
        if stage.done:
            continue
        going_on = resume and stage.begun
        if going_on:
            point_at_earlier(stage)
        reached = run_stage(stage, how, stop, resume=going_on, own_settings=own_settings)
        publish(out, stage)
        if reached < stage.last or (stop() and stage is not stages[-1]):
            return False
    return True


def run_stage(
    stage: Stage,
    how: RunOptions,
    stop: Callable[[], bool],
    *,
    resume: bool,
    own_settings: bool = False,
) -> int:
    """One run, to its end or until it is stopped; the meta-step that it reached."""
    wanted, engine = stage.config, how.engine
    if resume:
        saved = read_config(stage.path).engine
        engine = engine_to_go_on(saved, engine)
        wanted = wanted.model_copy(update={"engine": saved})
    engine = engine or wanted.engine
    if engine == "mesh" and how.options.cluster is None:
        engine = "local"  # of one process, they are the same
    run = (
        RunDir.resume(stage.path, None if own_settings else wanted)
        if resume
        else RunDir.create(stage.path, wanted)
    )
    events = stage.path / "events"
    kept_events = events.exists()
    reporter, done = Reporter(), 0
    try:
        reporter = how.reporter(stage.path)
        trainer = Trainer(
            run,
            data_dir=how.data_dir,
            reporter=reporter,
            checkpoint_seconds=how.checkpoint_seconds,
            command=how.command,
            engine=engine,
            options=how.options,
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
        else:  # it failed at once: leave no trace of it
            run.discard([] if kept_events else [*events.glob("*"), events])
    return done

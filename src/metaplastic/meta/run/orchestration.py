"""A whole job of meta-training: a single run, or stages that each start from the previous rule.

    meta_train(make_config("quick"), Path("runs/mine"))
    run_stages(make_stages(out, file=Path("recipe.toml")), out)

Both do what `metaplastic meta-train` does, without its signal handling and display.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Options of a job that do not affect its result.

    reporter: makes the callbacks for the run in a directory.
    watch: called when work begins; the function it returns is called after each meta-step, and if
    that returns True, the run is saved and ends. engine: continues a run instead of the engine in
    its config.
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

    With `resume`, it continues as if it had never stopped. Raises `ConfigError`, `DataError` or
    `RunError` on mistakes that a user can make.
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

    With `resume`, finished stages are skipped. With `own_settings`, the run in the directory
    continues with the settings it was started with, regardless of those in `stages`. Raises the
    same errors as `meta_train`.
    """
    out, how = Path(out), how or RunOptions()
    recorded = read_stages(out)
    own_settings = resume and own_settings
    if recorded is not None and own_settings:
        if stages[0].until is not None:
            raise ConfigError(
                f"--until cannot be used with stages: those in {str(out)!r} each have their own"
            )
        stages = recorded
    if stages[0].path != out:
        return _run_stages(out, stages, how, resume=resume, own_settings=own_settings)
    if recorded is not None:
        raise RunError(f"{str(out)!r} holds a run in stages; choose another directory for this one")
    (stage,) = stages
    if own_settings:
        stage = replace(stage, config=read_config(out))
    stop = how.watch()
    reached = run_stage(stage, how, stop, resume=resume, own_settings=own_settings)
    return reached >= stage.config.optimizer.meta_steps


def _run_stages(
    out: Path, stages: list[Stage], how: RunOptions, *, resume: bool, own_settings: bool
) -> bool:
    check_begun(out, stages, resume=resume)
    claim = Claim(out)
    try:
        # again, as another process may have started a run before the lock was taken
        check_begun(out, stages, resume=resume)
        LOG.info("checking the data and the rules of every stage")
        check_writable(out / RULE, RunError)
        cluster = how.options.cluster
        check_ahead(stages, 1 if cluster is None else cluster.count, how.data_dir)
        record_stages(out, stages)
        return _run_in_order(out, stages, how, resume=resume, own_settings=own_settings)
    finally:
        if any(stage.begun for stage in stages):
            claim.release()
        else:
            claim.give_up([out / RECORD])


def _run_in_order(
    out: Path, stages: list[Stage], how: RunOptions, *, resume: bool, own_settings: bool
) -> bool:
    stop = how.watch()
    for number, stage in enumerate(stages, 1):
        status = "done" if stage.done else f"{stage.last} meta-steps, in {stage.path}"
        LOG.info("stage %d of %d, %s", number, len(stages), status)
        if stage.done:
            continue
        resume_stage = resume and stage.begun
        if resume_stage:
            point_at_earlier(stage)
        reached = run_stage(stage, how, stop, resume=resume_stage, own_settings=own_settings)
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
    """Run one stage to its end or until it is stopped; return the meta-step it reached."""
    config, engine = stage.config, how.engine
    if resume:
        saved = read_config(stage.path).engine
        engine = engine_to_go_on(saved, engine)
        config = config.model_copy(update={"engine": saved})
    engine = engine or config.engine
    if engine == "mesh" and how.options.cluster is None:
        engine = "local"  # the same as mesh with a single process
    run = (
        RunDir.resume(stage.path, None if own_settings else config)
        if resume
        else RunDir.create(stage.path, config)
    )
    events = stage.path / "events"
    had_events = events.exists()
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
        with _closing(trainer):
            try:
                trainer.train(stop, until=stage.until)
            finally:
                done = trainer.meta_step
    finally:
        reporter.close()
        if done or resume:
            run.close()
        else:  # it failed before the first meta-step: remove its files
            run.discard([] if had_events else [*events.glob("*"), events])
    return done


@contextmanager
def _closing(trainer: Trainer) -> Iterator[None]:
    """Close the trainer at the end. If the run failed, its error is raised, not one of closing."""
    try:
        yield
    except BaseException:
        try:
            trainer.close()
        except Exception as error:
            LOG.warning("the engine could not be closed: %s: %s", type(error).__name__, error)
        raise
    trainer.close()

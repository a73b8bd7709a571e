"""Meta-training in stages: one configuration file, several runs, each starting from the rule of the
one before.

In a file with an array of tables `stages`, each table describes one run. It is merged over the
stage before it, the first one over the rest of the file; `until` stops that stage only, after that
meta-step. Run K is in OUT/stage-K; the rule of the last one is copied to OUT. A file without
`stages` describes a single run, in OUT itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from metaplastic import files, hub
from metaplastic.errors import ConfigError, RunError
from metaplastic.meta.config import MetaTrainConfig, differing_fields, parse_config
from metaplastic.meta.config_tables import combine, lay, make_table, merge
from metaplastic.meta.engines.mesh import share_of
from metaplastic.meta.plan import arrange
from metaplastic.meta.run.metrics import NAME as METRICS
from metaplastic.meta.run.run_dir import RULE, read_config, write_config
from metaplastic.meta.run.start import grown, starting_rule
from metaplastic.settings import validated
from metaplastic.tasks import Source, ends, load_sources

RECORD = "stages.json"
_RULE_LIMIT = 1 << 28  # bytes


class _StageRecord(BaseModel):
    config: dict[str, Any]
    until: int | None = Field(ge=1)


class _Record(BaseModel):
    """The content of stages.json."""

    stages: list[_StageRecord] = Field(min_length=1)


@dataclass(frozen=True)
class Stage:
    """One run of meta-training: its directory, its configuration and where it stops."""

    path: Path
    config: MetaTrainConfig
    until: int | None = None

    @property
    def last(self) -> int:
        """The last meta-step."""
        total = self.config.optimizer.meta_steps
        return total if self.until is None else min(self.until, total)

    @property
    def begun(self) -> bool:
        """Whether its directory holds a run."""
        return (self.path / "config.json").is_file()

    @property
    def done(self) -> bool:
        """Whether its rule has been trained for all meta-steps."""
        rule = self.path / RULE
        return rule.is_file() and (hub.load_card(rule).meta_steps or 0) >= self.last


def make_stages(
    out: Path,
    preset: str = "quick",
    file: Path | None = None,
    overrides: Iterable[Mapping[str, Any]] = (),
    *,
    until: int | None = None,
) -> list[Stage]:
    """Build the stages of a job: preset, then file, then the stage's table, then overrides, each
    merged over the one before.

    Raises a `ConfigError` that names the stage and the field, what was given and what is allowed.
    """
    table = make_table(preset, file)
    if "stages" not in table:
        return [Stage(out, parse_config(lay(table, combine(overrides))), until)]
    if until is not None:
        raise ConfigError(
            f"--until {until} cannot be used with stages; set until in each stage of {str(file)!r}"
        )
    tables = table.pop("stages")
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables) or not tables:
        raise ConfigError(
            f"{str(file)!r}: stages must be one or more tables, written as [[stages]]"
        )
    overrides_table = combine(overrides)
    stages: list[Stage] = []
    for number, stage_table in enumerate(tables, 1):
        stop = stage_table.pop("until", None)
        if stop is not None and (not isinstance(stop, int) or isinstance(stop, bool) or stop < 1):
            given = files.show(repr(stop))
            raise ConfigError(f"stage {number}: until {given}: give a meta-step, 1 or more")
        rule = stage_table.get("rule")
        if number > 1 and isinstance(rule, dict) and "start" in rule:
            raise ConfigError(
                f"stage {number}: rule.start {files.show(rule['start'])!r}: a stage starts from "
                "the rule of the stage before it; leave this setting out"
            )
        table = lay(table, stage_table)
        start = {"rule": {"start": str(stages[-1].path / RULE)}} if stages else {}
        try:
            config = parse_config(merge(lay(table, overrides_table), start))
        except ConfigError as error:
            raise ConfigError(f"stage {number}: {error}") from None
        stages.append(Stage(out / f"stage-{number}", config, stop))
    return stages


def record_stages(out: Path, stages: list[Stage]) -> None:
    """Record the stages of OUT for `read_stages`. Raises `RunError` if they cannot be written."""
    tables = [
        {"until": stage.until, "config": stage.config.model_dump(mode="json")} for stage in stages
    ]
    text = json.dumps({"stages": tables}, indent=1) + "\n"
    files.write(out / RECORD, text.encode(), RunError)


def read_stages(out: Path) -> list[Stage] | None:
    """Return the stages in OUT, or None if it holds a single run or nothing.

    Raises `RunError` if their record cannot be read.
    """
    file = out / RECORD
    try:
        if not file.is_file():
            return None
    except OSError as error:
        raise RunError(f"cannot read {files.show(file)}: {error.strerror}") from None
    try:
        record = validated(_Record, files.read_json(file, RunError), "record")
        stages: list[Stage] = []
        for number, table in enumerate(record.stages, 1):
            config = parse_config(table.config)
            if stages:
                config = _from(config, str(stages[-1].path / RULE))
            stages.append(Stage(out / f"stage-{number}", config, table.until))
        return stages
    except ConfigError as error:
        raise RunError(f"cannot read {str(file)!r}: {error}") from None


def check_begun(out: Path, stages: list[Stage], *, resume: bool) -> None:
    """Raise `RunError` if stages have begun although `resume` is false, if none has begun although
    it is true, or if the configuration of a begun stage has changed. The configurations of later
    stages may change."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{str(out)!r} is a file; give a directory for the run")
    if (out / "config.json").is_file():
        raise RunError(f"{str(out)!r} holds a single run; choose another directory for the stages")
    begun = [stage for stage in stages if stage.begun]
    if resume and not begun:
        raise RunError(f"{str(out)!r} holds no run: there is no stage-1 in it")
    if not resume and any((stage.path / METRICS).exists() for stage in begun):
        raise RunError(
            f"{str(out)!r} already holds a run; resume it with --resume, or choose another "
            "directory"
        )
    for stage in begun if resume else []:
        saved = read_config(stage.path)
        # the engine is checked elsewhere
        config = stage.config.model_copy(update={"engine": saved.engine})
        if stage is not stages[0]:
            saved = _from(saved, config.rule.start)  # the directory may have been moved
        if fields := differing_fields(saved, config):
            raise RunError(
                f"cannot resume {str(stage.path)!r} with another configuration: "
                f"{'; '.join(fields)}. Omit these settings to resume, or start in another "
                "directory"
            )
    for stage in begun[:-1] if resume else []:
        if not stage.done:
            raise RunError(
                f"{str(stage.path)!r} would continue to meta-step {stage.last}, but the next stage "
                "has already started from its rule; do not extend it, or start in another directory"
            )


def check_ahead(stages: list[Stage], n_processes: int, data_dir: Path | None) -> None:
    """Raise errors now that a later stage would raise only after hours: `ConfigError` if groups
    cannot be split over the processes, or the rule of a stage cannot grow to the settings of the
    next; `ConfigError` or `DataError` if data are missing or fit none of the groups."""
    _check_rules(stages)
    loaded: dict[tuple[str, int, tuple[str, ...]], Source] = {}
    for config in (stage.config for stage in stages if not stage.done):
        share_of(config.tasks_per_group, n_processes)
        fewest, held_out = ends(config.tasks.n_classes)[0], config.tasks.held_out
        for address in config.tasks.sources:
            if (address, fewest, held_out) not in loaded:
                (source,) = load_sources(
                    [address],
                    "meta-train",
                    n_classes=fewest,
                    held_out=held_out,
                    data_dir=data_dir,
                )
                loaded[address, fewest, held_out] = source
        sources = [loaded[address, fewest, held_out] for address in config.tasks.sources]
        arrange(config, sources, "meta-train")


def _check_rules(stages: list[Stage]) -> None:
    """Check that each stage to come can start from its rule, which may not exist yet."""
    before: Stage | None = None
    for number, stage in enumerate(stages, 1):
        config = stage.config
        if not stage.done:
            try:
                if before is None or before.done:
                    starting_rule(config)
                else:
                    earlier = before.config.rule.make(before.config.seed)
                    grown(earlier, config.rule.make(config.seed), config.rule.start)
            except ConfigError as error:
                raise ConfigError(f"stage {number}: {error}") from None
        before = stage


def point_at_earlier(stage: Stage) -> None:
    """Correct the path of the rule that a stage started from, as the directory may have moved."""
    saved = read_config(stage.path)
    if saved.rule.start != stage.config.rule.start:
        write_config(stage.path, _from(saved, stage.config.rule.start))


def _from(config: MetaTrainConfig, start: str | None) -> MetaTrainConfig:
    return config.model_copy(update={"rule": config.rule.model_copy(update={"start": start})})


def publish(out: Path, stage: Stage) -> None:
    """Copy the newest rule of a stage, if it has one, to the top of `out`."""
    if stage.path != out and (stage.path / RULE).is_file():
        content = files.read_bytes(stage.path / RULE, RunError, limit=_RULE_LIMIT)
        files.write(out / RULE, content, RunError)

"""Meta-training in stages: one configuration file, runs that begin from one another's rules.

A file with an array of tables `stages` describes as many runs. Each table is laid on the stage
before it, the first on the rest of the file; `until` stops a stage, and it alone, after that
meta-step. Run K is in OUT/stage-K; the last one's rule is in OUT too. A file without `stages` is
one run, in OUT itself.
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
from metaplastic.settings import validated
from metaplastic.tasks import Source, ends, load_sources

RECORD = "stages.json"
_RULE_LIMIT = 1 << 28  # bytes


class _StageRecord(BaseModel):
    config: dict[str, Any]
    until: int | None = Field(ge=1)


class _Record(BaseModel):
    """What stages.json holds."""

    stages: list[_StageRecord] = Field(min_length=1)


@dataclass(frozen=True)
class Stage:
    """One run of meta-training: its directory, its configuration and where it stops."""

    path: Path
    config: MetaTrainConfig
    until: int | None = None

    @property
    def last(self) -> int:
        """The meta-step that it ends at."""
        total = self.config.optimizer.meta_steps
        return total if self.until is None else min(self.until, total)

    @property
    def begun(self) -> bool:
        """Whether its directory holds a run."""
        return (self.path / "config.json").is_file()

    @property
    def done(self) -> bool:
        """Whether its rule has all of its meta-steps."""
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
    """Preset, then file, then a stage's own table, then overrides, each laid on the one before.

    Raises `ConfigError` that names the stage and the field, what was given and what is allowed.
    """
    table = make_table(preset, file)
    if "stages" not in table:
        return [Stage(out, parse_config(lay(table, combine(overrides))), until)]
    if until is not None:
        raise ConfigError(f"--until {until}: the stages in {str(file)!r} each have their own")
    tables = table.pop("stages")
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables) or not tables:
        raise ConfigError(f"{str(file)!r}: stages must be one table or more, as [[stages]]")
    asked = combine(overrides)
    stages: list[Stage] = []
    for number, own in enumerate(tables, 1):
        stop = own.pop("until", None)
        if stop is not None and (not isinstance(stop, int) or isinstance(stop, bool) or stop < 1):
            given = files.show(repr(stop))
            raise ConfigError(f"stage {number}: until {given}: a meta-step, 1 or more")
        rule = own.get("rule")
        if number > 1 and isinstance(rule, dict) and "start" in rule:
            raise ConfigError(
                f"stage {number}: rule.start {files.show(rule['start'])!r}: a stage begins from "
                "the rule of the one before; leave it out"
            )
        table = lay(table, own)
        before = {"rule": {"start": str(stages[-1].path / RULE)}} if stages else {}
        try:
            config = parse_config(merge(lay(table, asked), before))
        except ConfigError as error:
            raise ConfigError(f"stage {number}: {error}") from None
        stages.append(Stage(out / f"stage-{number}", config, stop))
    return stages


def record_stages(out: Path, stages: list[Stage]) -> None:
    """What OUT is to hold, for `read_stages`. Raises `RunError` where the disk refuses."""
    tables = [
        {"until": stage.until, "config": stage.config.model_dump(mode="json")} for stage in stages
    ]
    text = json.dumps({"stages": tables}, indent=1) + "\n"
    files.write(out / RECORD, text.encode(), RunError)


def read_stages(out: Path) -> list[Stage] | None:
    """The stages that OUT holds; None where it is a single run, or nothing.

    Raises `RunError` where their record cannot be read.
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
    """Raises `RunError` where stages have begun that are not to be resumed, none has that is, or
    one that has begun had another configuration; those to come may have changed."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{str(out)!r} is a file; name a directory for the run")
    if (out / "config.json").is_file():
        raise RunError(f"{str(out)!r} holds a single run; name another directory for the stages")
    begun = [stage for stage in stages if stage.begun]
    if resume and not begun:
        raise RunError(f"{str(out)!r} holds no run: there is no stage-1 in it")
    if not resume and any((stage.path / METRICS).exists() for stage in begun):
        raise RunError(
            f"{str(out)!r} holds a run already; resume it with --resume, or name another"
        )
    for stage in begun if resume else []:
        saved = read_config(stage.path)
        # the engine is checked elsewhere
        wanted = stage.config.model_copy(update={"engine": saved.engine})
        if stage is not stages[0]:
            saved = _from(saved, wanted.rule.start)  # the directory may have been moved
        if fields := differing_fields(saved, wanted):
            raise RunError(
                f"cannot resume {str(stage.path)!r} with another configuration: "
                f"{'; '.join(fields)}. Leave these settings out to resume, or start in another "
                "directory"
            )
    for stage in begun[:-1] if resume else []:
        if not stage.done:
            raise RunError(
                f"{str(stage.path)!r} would go on to meta-step {stage.last}, but the stage after "
                "it has begun from its rule; ask for no more, or start in another directory"
            )


def check_ahead(
    configs: Iterable[MetaTrainConfig], n_processes: int, data_dir: Path | None
) -> None:
    """Raises what a later stage would, after hours: `ConfigError` where its groups cannot be split
    over the processes, `ConfigError` or `DataError` where its data are not there, or fit none of
    its groups."""
    loaded: dict[tuple[str, int, tuple[str, ...]], Source] = {}
    for config in configs:
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
        own = [loaded[address, fewest, held_out] for address in config.tasks.sources]
        arrange(config, own, "meta-train")


def point_at_earlier(stage: Stage) -> None:
    """Correct the path of the rule that a stage began from, as after the directory was moved."""
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

"""A run directory: config, metrics, checkpoints, rule files, and a lock while a process uses it.

config.json  metrics.jsonl  checkpoints/step-*.safetensors  rules/step-*.safetensors
rule.safetensors (the newest)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from metaplastic import files
from metaplastic.errors import ConfigError, RunError
from metaplastic.meta.config import MetaTrainConfig, differing_fields, parse_config
from metaplastic.meta.run import metrics
from metaplastic.meta.run.checkpoint import Header, load_checkpoint, save_checkpoint
from metaplastic.meta.run.claim import Claim

CONFIG, RULE = "config.json", "rule.safetensors"
CHECKPOINTS, RULES = "checkpoints", "rules"
KEPT_CHECKPOINTS = 2


def on_ladder(meta_step: int) -> bool:
    """Whether a rule file is kept at this meta-step: 1, 2, 5, 10, 20, 50, 100, ..."""
    while meta_step >= 10 and meta_step % 10 == 0:
        meta_step //= 10
    return meta_step in (1, 2, 5)


class RunDir:
    """One run's files. Open it with `create` or `resume`; close it to release the lock."""

    def __init__(self, path: Path, config: MetaTrainConfig, claim: Claim) -> None:
        self.path = path
        self.config = config
        self._claim = claim
        _check_writable(path)

    @classmethod
    def create(cls, path: Path, config: MetaTrainConfig) -> RunDir:
        """A new run. Raises `RunError` where the directory holds a run already, is in use, or
        cannot be written in."""
        _refuse_a_second_run(path)
        claim = Claim(path)
        try:
            _refuse_a_second_run(path)  # that another process began meanwhile
            run = cls(path, config, claim)
            write_config(path, config)
        except BaseException:
            claim.give_up([path / CHECKPOINTS, path / RULES])
            raise
        return run

    @classmethod
    def resume(cls, path: Path, config: MetaTrainConfig | None) -> RunDir:
        """An existing run. `config`, where given, must be the run's own.

        Raises `RunError` where there is no run, a live process uses it, the configurations
        differ, naming the fields, or the checkpoints are gone.
        """
        saved = read_config(path)
        if config is not None and (fields := differing_fields(saved, config)):
            raise RunError(
                f"cannot resume {str(path)!r} with another configuration: {'; '.join(fields)}. "
                "Leave these settings out to resume, or start a new run in another directory"
            )
        claim = Claim(path)
        try:
            _refuse_lost_checkpoints(path)
            run = cls(path, saved, claim)
        except BaseException:
            claim.release()
            raise
        for folder in (path, path / CHECKPOINTS, path / RULES):
            _unlink(folder.glob(".*.tmp"))  # half written when the process was killed
        return run

    def close(self) -> None:
        """Release the lock."""
        self._claim.release()

    def discard(self, more: Iterable[Path] = ()) -> None:
        """Close a run in which no meta-step was done, and remove its files, and `more`."""
        first = _checkpoint_path(self.path, 0).relative_to(self.path)
        names = (CONFIG, metrics.NAME, first, CHECKPOINTS, RULES)
        self._claim.give_up([*(self.path / name for name in names), *more])

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, the newest first."""
        return _checkpoints(self.path)

    def save(self, meta_step: int, tree: Any, seconds: float, validation: dict[str, float]) -> Path:
        """Write a checkpoint; older ones than the newest few are deleted after it is whole."""
        path = _checkpoint_path(self.path, meta_step)
        files.make_folder(path.parent, RunError)
        header = Header(meta_step=meta_step, seconds=seconds, validation=validation)
        save_checkpoint(path, tree, header)
        _unlink(self.checkpoints()[KEPT_CHECKPOINTS:])
        return path

    def load_newest(self, like: Callable[[int], Any]) -> Iterator[str | tuple[Any, Header]]:
        """Yields a warning for every damaged checkpoint, then the newest readable one.

        `like` gives the tree that a checkpoint of a meta-step holds, by its structure, shapes and
        dtypes. Nothing where none was saved yet; raises `RunError` where all are damaged.
        """
        for path in self.checkpoints():
            try:
                tree, header = load_checkpoint(path, like(_meta_step_of(path)))
                if path != _checkpoint_path(self.path, header.meta_step):
                    raise RunError(f"{str(path)!r} says that it is of step {header.meta_step}")
            except RunError as error:
                yield f"{error}; trying the one before"
            else:
                yield tree, header
                return
        if self.checkpoints():
            raise RunError(
                f"no checkpoint in {str(self.path / CHECKPOINTS)!r} can be read; nothing was "
                "changed; start again in another directory"
            )

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        metrics.append_metrics(self.path, line)

    def rewind_metrics(self, meta_step: int) -> Iterator[str]:
        """Drop lines past `meta_step`, which a resumed run writes again, and damaged ones; yields
        a warning where lines are missing."""
        warnings: list[str] = []
        lines = metrics.read_metrics(self.path, warnings.append)
        kept = [line for line in lines if line["meta_step"] <= meta_step]
        metrics.write_metrics(self.path, kept)
        yield from warnings
        if not warnings and len(kept) < meta_step:
            yield (
                f"{self.path / metrics.NAME}: holds {len(kept):,} of the {meta_step:,} meta-steps "
                "done before"
            )

    def rule_path(self, meta_step: int) -> Path:
        """Where the ladder keeps the rule of that meta-step."""
        return self.path / RULES / f"step-{meta_step:09d}.safetensors"


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _checkpoint_path(run: Path, meta_step: int) -> Path:
    return run / CHECKPOINTS / f"step-{meta_step:09d}.safetensors"


def _meta_step_of(checkpoint: Path) -> int:
    number = checkpoint.stem.removeprefix("step-")
    if not (number.isascii() and number.isdigit()):
        raise RunError(f"{str(checkpoint)!r} is not named by a meta-step")
    return int(number)


def _checkpoints(run: Path) -> list[Path]:
    return sorted((run / CHECKPOINTS).glob("step-*.safetensors"), reverse=True)


def _refuse_a_second_run(path: Path) -> None:
    # a run that failed before its first meta-step left only its settings behind
    if (path / metrics.NAME).exists() or _checkpoints(path):
        raise RunError(
            f"{str(path)!r} holds a run already; resume it with --resume, or name another"
        )


def _refuse_lost_checkpoints(path: Path) -> None:
    """A run saves a checkpoint before its first meta-step: without one it cannot go on."""
    done = [
        name
        for name in (metrics.NAME, RULE)
        if (path / name).is_file() and (path / name).stat().st_size
    ]
    if done and not _checkpoints(path):
        raise RunError(
            f"cannot resume {str(path)!r}: it has {' and '.join(done)}, but no checkpoint in "
            f"{str(path / CHECKPOINTS)!r}; put them back, or start again in another directory"
        )


def _check_writable(path: Path) -> None:
    """Before hours of training: a link that leads nowhere, a file where a folder is meant, ..."""
    for name in (CHECKPOINTS, RULES):
        files.make_folder(path / name, RunError)
    for name in (CONFIG, metrics.NAME, RULE):
        files.check_writable(path / name, RunError)


def read_config(path: Path) -> MetaTrainConfig:
    """The configuration of the run at `path`; raises `RunError` where there is none."""
    file = path / CONFIG
    if not file.exists():
        raise RunError(f"{str(path)!r} holds no run: there is no config.json in it")
    table = files.read_json(file, RunError)
    if not isinstance(table, dict):
        raise RunError(f"{str(file)!r} holds no table of settings")
    try:
        return parse_config(table)
    except ConfigError as error:
        raise RunError(f"{str(file)!r}: {error}") from None


def write_config(path: Path, config: MetaTrainConfig) -> None:
    """The configuration of the run at `path`; raises `RunError` where the disk refuses."""
    text = json.dumps(config.model_dump(mode="json"), indent=2) + "\n"
    files.write(path / CONFIG, text.encode(), RunError)

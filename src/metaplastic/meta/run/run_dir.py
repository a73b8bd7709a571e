"""A run directory: config, metrics, checkpoints, rule files, and a lock while it is in use.

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
    """Return whether a rule file is kept at this meta-step: 1, 2, 5, 10, 20, 50, 100, ..."""
    while meta_step >= 10 and meta_step % 10 == 0:
        meta_step //= 10
    return meta_step in (1, 2, 5)


class RunDir:
    """The files of one run. Open with `create` or `resume`; close to release the lock."""

    def __init__(self, path: Path, config: MetaTrainConfig, claim: Claim) -> None:
        self.path = path
        self.config = config
        self._claim = claim
        _check_writable(path)

    @classmethod
    def create(cls, path: Path, config: MetaTrainConfig) -> RunDir:
        """Create a new run. Raises `RunError` if the directory already holds a run, is in use, or
        is not writable."""
        _refuse_a_second_run(path)
        claim = Claim(path)
        try:
            _refuse_a_second_run(path)  # another process may have begun one meanwhile
            run = cls(path, config, claim)
            write_config(path, config)
        except BaseException:
            claim.give_up([path / CHECKPOINTS, path / RULES])
            raise
        return run

    @classmethod
    def resume(cls, path: Path, config: MetaTrainConfig | None) -> RunDir:
        """Open an existing run. `config`, if given, must equal the run's configuration.

        Raises `RunError` if there is no run, a live process uses it, the configurations differ (the
        error names the fields), or the checkpoints are missing.
        """
        saved = read_config(path)
        if config is not None and (fields := differing_fields(saved, config)):
            raise RunError(
                f"cannot resume {str(path)!r} with another configuration: {'; '.join(fields)}. "
                "Omit these settings to resume, or start a new run in another directory"
            )
        claim = Claim(path)
        try:
            _refuse_lost_checkpoints(path)
            run = cls(path, saved, claim)
        except BaseException:
            claim.release()
            raise
        for folder in (path, path / CHECKPOINTS, path / RULES):
            _unlink(folder.glob(".*.tmp"))  # partly written when the process was killed
        return run

    def close(self) -> None:
        """Release the lock."""
        self._claim.release()

    def discard(self, extra: Iterable[Path] = ()) -> None:
        """Close a run that completed no meta-step, and remove its files and the `extra` ones."""
        first = _checkpoint_path(self.path, 0).relative_to(self.path)
        names = (CONFIG, metrics.NAME, first, CHECKPOINTS, RULES)
        self._claim.give_up([*(self.path / name for name in names), *extra])

    def checkpoints(self) -> list[Path]:
        """Return the complete checkpoints, newest first."""
        return _checkpoints(self.path)

    def save(self, meta_step: int, tree: Any, seconds: float, validation: dict[str, float]) -> Path:
        """Write a checkpoint, then delete all but the newest few."""
        path = _checkpoint_path(self.path, meta_step)
        files.make_folder(path.parent, RunError)
        header = Header(meta_step=meta_step, seconds=seconds, validation=validation)
        save_checkpoint(path, tree, header)
        _unlink(self.checkpoints()[KEPT_CHECKPOINTS:])
        return path

    def load_newest(self, like: Callable[[int], Any]) -> Iterator[str | tuple[Any, Header]]:
        """Yield a warning for every damaged checkpoint, then the newest readable one.

        `like` maps a meta-step to a tree with the structure, shapes and dtypes of its checkpoint.
        Yields nothing if none was saved yet. Raises `RunError` if all are damaged.
        """
        for path in self.checkpoints():
            try:
                tree, header = load_checkpoint(path, like(_meta_step_of(path)))
                if path != _checkpoint_path(self.path, header.meta_step):
                    raise RunError(f"{str(path)!r} holds meta-step {header.meta_step}")
            except RunError as error:
                yield f"{error}; trying the previous one"
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
        """Drop lines after `meta_step`, which a resumed run writes again, and damaged ones. Yields
        a warning if lines are missing."""
        warnings: list[str] = []
        lines = metrics.read_metrics(self.path, warnings.append)
        lines = [line for line in lines if line["meta_step"] <= meta_step]
        metrics.write_metrics(self.path, lines)
        yield from warnings
        if not warnings and len(lines) < meta_step:
            yield (
                f"{self.path / metrics.NAME}: holds only {len(lines):,} of the {meta_step:,} "
                "meta-steps done so far"
            )

    def rule_path(self, meta_step: int) -> Path:
        """Return the path of the rule file kept at that meta-step."""
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
        raise RunError(f"{str(checkpoint)!r} is not named after a meta-step")
    return int(number)


def _checkpoints(run: Path) -> list[Path]:
    return sorted((run / CHECKPOINTS).glob("step-*.safetensors"), reverse=True)


def _refuse_a_second_run(path: Path) -> None:
    # a run that failed before its first meta-step leaves only its settings behind
    if (path / metrics.NAME).exists() or _checkpoints(path):
        raise RunError(
            f"{str(path)!r} already holds a run; resume it with --resume, or choose another "
            "directory"
        )


def _refuse_lost_checkpoints(path: Path) -> None:
    """Raise `RunError` if a run that has results has no checkpoint to resume from."""
    done = [
        name
        for name in (metrics.NAME, RULE)
        if (path / name).is_file() and (path / name).stat().st_size
    ]
    if done and not _checkpoints(path):
        raise RunError(
            f"cannot resume {str(path)!r}: it has {' and '.join(done)}, but no checkpoint in "
            f"{str(path / CHECKPOINTS)!r}; restore it, or start again in another directory"
        )


def _check_writable(path: Path) -> None:
    """Check before hours of training: a link may be broken, a file be in place of a folder."""
    for name in (CHECKPOINTS, RULES):
        files.make_folder(path / name, RunError)
    for name in (CONFIG, metrics.NAME, RULE):
        files.check_writable(path / name, RunError)


def read_config(path: Path) -> MetaTrainConfig:
    """Read the configuration of the run at `path`. Raises `RunError` if there is none or it is not
    valid here."""
    try:
        return parse_config(read_settings(path))
    except ConfigError as error:
        raise RunError(f"{str(path / CONFIG)!r}: {error}") from None


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings of the run at `path` as they stand in its file, which may name parts that
    are not installed here. Raises `RunError` if there is no run."""
    file = path / CONFIG
    if not file.exists():
        raise RunError(f"{str(path)!r} holds no run: it contains no config.json")
    table = files.read_json(file, RunError)
    if not isinstance(table, dict):
        raise RunError(f"{str(file)!r} does not hold a table of settings")
    return table


def write_config(path: Path, config: MetaTrainConfig) -> None:
    """Write the configuration of the run at `path`. Raises `RunError` if it cannot be written."""
    text = json.dumps(config.model_dump(mode="json"), indent=2) + "\n"
    files.write(path / CONFIG, text.encode(), RunError)

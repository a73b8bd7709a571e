"""A run directory: config, metrics, checkpoints, rule files, and a lock while a process uses it.

config.json  metrics.jsonl  checkpoints/step-*.safetensors  rules/step-*.safetensors
rule.safetensors (the newest)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from metaplastic.errors import ConfigError, RunError
from metaplastic.meta.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from metaplastic.meta.config import MetaTrainConfig, differing_fields, parse_config

KEPT_CHECKPOINTS = 2


def on_ladder(meta_step: int) -> bool:
    """Whether a rule file is kept at this meta-step: 1, 2, 5, 10, 20, 50, 100, ..."""
    while meta_step >= 10 and meta_step % 10 == 0:
        meta_step //= 10
    return meta_step in (1, 2, 5)


class RunDir:
    """One run's files. Open it with `create` or `resume`; close it to release the lock."""

    def __init__(self, path: Path, config: MetaTrainConfig, lock: FileLock) -> None:
        self.path = path
        self.config = config
        self._lock = lock

    @classmethod
    def create(cls, path: Path, config: MetaTrainConfig) -> RunDir:
        """A new run. Raises `RunError` where the directory holds a run already, or is in use."""
        if path.exists() and not path.is_dir():
            raise RunError(f"{str(path)!r} is a file; name a directory for the run")
        # a run that failed before its first meta-step left only its settings behind
        if (path / "metrics.jsonl").exists() or (path / "checkpoints").exists():
            raise RunError(
                f"{str(path)!r} holds a run already; go on with it by --resume, or name another"
            )
        lock = _lock(path)
        write_config(path, config)
        return cls(path, config, lock)

    @classmethod
    def resume(cls, path: Path, config: MetaTrainConfig | None) -> RunDir:
        """An existing run. `config`, where given, must be the run's own.

        Raises `RunError` where there is no run, a live process uses it, or the configurations
        differ, naming the fields.
        """
        saved = read_config(path)
        if config is not None and (fields := differing_fields(saved, config)):
            raise RunError(
                f"cannot resume {str(path)!r} with another configuration: {'; '.join(fields)}. "
                "Leave these settings out to resume, or start a new run in another directory"
            )
        return cls(path, saved, _lock(path))

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, the newest first."""
        return sorted((self.path / "checkpoints").glob("step-*.safetensors"), reverse=True)

    def save(self, meta_step: int, tree: Any, header: dict[str, Any]) -> Path:
        """Write a checkpoint; older ones than the newest few are deleted after it is whole."""
        path = self.path / "checkpoints" / f"step-{meta_step:09d}.safetensors"
        save_checkpoint(path, tree, {"meta_step": meta_step, **header})
        for old in self.checkpoints()[KEPT_CHECKPOINTS:]:
            old.unlink(missing_ok=True)
        for stray in path.parent.glob(".step-*"):
            stray.unlink(missing_ok=True)
        return path

    def load_newest(self, like: Any) -> Iterator[str | tuple[Any, dict[str, Any]]]:
        """Yields a warning for every damaged checkpoint, then the newest whole one.

        Nothing where none was saved yet; raises `RunError` where all there are are damaged.
        """
        for path in self.checkpoints():
            try:
                yield load_checkpoint(path, like)
                return
            except RunError as error:
                yield f"{error}; trying the one before"
        if self.checkpoints():
            raise RunError(
                f"no checkpoint in {str(self.path / 'checkpoints')!r} can be read; nothing was "
                "changed. Begin again in another directory, or delete them to begin again here"
            )

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        try:
            with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise RunError(
                f"cannot write {str(self.path / 'metrics.jsonl')!r}: {error.strerror or error}"
            ) from None

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl; a line cut off by a kill is left out."""
        return read_metrics(self.path)

    def rewind_metrics(self, meta_step: int) -> None:
        """Drop lines past `meta_step`, which a resumed run writes again."""
        kept = [m for m in self.metrics() if m["meta_step"] <= meta_step]
        text = "".join(json.dumps(m) + "\n" for m in kept)
        write_atomically(self.path / "metrics.jsonl", text.encode())

    def rule_path(self, meta_step: int) -> Path:
        """Where the ladder keeps the rule of that meta-step."""
        return self.path / "rules" / f"step-{meta_step:09d}.safetensors"


def read_config(path: Path) -> MetaTrainConfig:
    """The configuration of the run at `path`; raises `RunError` where there is none."""
    file = path / "config.json"
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{str(path)!r} holds no run: there is no config.json in it") from None
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {str(file)!r}: {error}") from None
    try:
        return parse_config(table)
    except ConfigError as error:
        raise RunError(f"{str(file)!r}: {error}") from None


def write_config(path: Path, config: MetaTrainConfig) -> None:
    """The configuration of the run at `path`; raises `RunError` where the disk refuses."""
    text = json.dumps(config.model_dump(mode="json"), indent=2) + "\n"
    write_atomically(path / "config.json", text.encode())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Every whole line of a run's metrics.jsonl."""
    file = path / "metrics.jsonl"
    lines = []
    if file.exists():
        for text in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:
                continue
    return lines


def _lock(path: Path) -> FileLock:
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / ".lock")
        lock.acquire(blocking=False)
        (path / ".pid").write_text(str(os.getpid()), encoding="utf-8")
    except Timeout:
        pid = (path / ".pid").read_text(encoding="utf-8") if (path / ".pid").exists() else "?"
        raise RunError(
            f"{str(path)!r} is in use by a live process (pid {pid}); wait for it, or stop it"
        ) from None
    except OSError as error:
        raise RunError(f"cannot use {str(path)!r}: {error.strerror or error}") from None
    return lock

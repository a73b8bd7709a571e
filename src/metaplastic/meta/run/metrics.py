"""metrics.jsonl: one line a meta-step. Lines that are not such are left out, and counted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from metaplastic import files
from metaplastic.errors import RunError

NAME = "metrics.jsonl"
REQUIRED = ("meta_step", "loss", "seconds", "dropped")
BY_AGE = ("validation_accuracy", "validation_loss")


def _ignore(warning: str) -> None:
    del warning


def read_metrics(run: Path, warn: Callable[[str], None] = _ignore) -> list[dict[str, Any]]:
    """The metrics of a run's meta-steps, in their order; empty where none was taken.

    A line cut off by a kill, or damaged, is left out; `warn` is then called once, with how many.
    Raises `RunError` where the file cannot be read.
    """
    path = run / NAME
    if not path.exists():
        return []
    content = files.read_bytes(path, RunError, limit=files.JSON_LIMIT)
    texts = [text for text in content.decode(errors="replace").split("\n") if text.strip()]
    kept: list[dict[str, Any]] = []
    numbers = [0]  # and their meta-steps
    for text in texts:
        metrics = _parse(text)
        if metrics is None:
            continue
        # a number out of order is damaged: this one, or the one before where this one fits
        number = metrics["meta_step"]
        if len(numbers) > 1 and numbers[-2] < number <= numbers[-1]:
            del numbers[-1], kept[-1]
        if number > numbers[-1]:
            numbers.append(number)
            kept.append(metrics)
    if left_out := len(texts) - len(kept):
        lines = "1 line" if left_out == 1 else f"{left_out:,} lines"
        warn(f"{path}: {lines} cut off or damaged, left out")
    return kept


def append_metrics(run: Path, metrics: dict[str, Any]) -> None:
    """Add a meta-step's line. Raises `RunError` where the disk refuses."""
    path = run / NAME
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {error.strerror or error}") from None


def write_metrics(run: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Rewrite the whole file. Raises `RunError` where the disk refuses."""
    text = "".join(json.dumps(metrics) + "\n" for metrics in lines)
    files.write(run / NAME, text.encode(), RunError)


def _parse(text: str) -> dict[str, Any] | None:
    """A line's metrics; None where it holds none."""
    try:
        metrics = files.decode_json(text)
    except ValueError:
        return None
    if not isinstance(metrics, dict) or not all(_is_number(metrics.get(k)) for k in REQUIRED):
        return None
    whole = all(isinstance(metrics[key], int) for key in ("meta_step", "dropped"))
    if not whole or metrics["meta_step"] < 1 or not math.isfinite(metrics["seconds"]):
        return None
    for table in (metrics.get(key, {}) for key in BY_AGE):
        if not isinstance(table, dict) or not all(map(_is_number, table.values())):
            return None
    return metrics


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

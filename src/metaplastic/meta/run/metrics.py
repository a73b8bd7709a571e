"""metrics.jsonl: one line per meta-step. Invalid lines are skipped and counted."""

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
    """Read the metrics of a run's meta-steps, in order; empty if there are none.

    Lines that are damaged or were cut off by a kill are skipped; `warn` is then called once with
    their number. Raises `RunError` if the file cannot be read.
    """
    path = run / NAME
    if not path.exists():
        return []
    content = files.read_bytes(path, RunError, limit=files.JSON_LIMIT)
    texts = [text for text in content.decode(errors="replace").split("\n") if text.strip()]
    valid: list[dict[str, Any]] = []
    meta_steps = [0]  # of the valid lines, after a sentinel
    for text in texts:
        metrics = _parse(text)
        if metrics is None:
            continue
        # a meta-step out of order is damaged: the previous one if this one fits without it, else
        # this one
        meta_step = metrics["meta_step"]
        if len(meta_steps) > 1 and meta_steps[-2] < meta_step <= meta_steps[-1]:
            del meta_steps[-1], valid[-1]
        if meta_step > meta_steps[-1]:
            meta_steps.append(meta_step)
            valid.append(metrics)
    if skipped := len(texts) - len(valid):
        lines = "1 line" if skipped == 1 else f"{skipped:,} lines"
        warn(f"{path}: {lines} cut off or damaged, skipped")
    return valid


def append_metrics(run: Path, metrics: dict[str, Any]) -> None:
    """Append the line of a meta-step. Raises `RunError` if it cannot be written."""
    path = run / NAME
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {error.strerror or error}") from None


def write_metrics(run: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Rewrite the whole file. Raises `RunError` if it cannot be written."""
    text = "".join(json.dumps(metrics) + "\n" for metrics in lines)
    files.write(run / NAME, text.encode(), RunError)


def _parse(text: str) -> dict[str, Any] | None:
    """Return the metrics in a line, or None if it is invalid."""
    try:
        metrics = files.decode_json(text)
    except ValueError:
        return None
    if not isinstance(metrics, dict) or not all(_is_number(metrics.get(k)) for k in REQUIRED):
        return None
    integral = all(isinstance(metrics[key], int) for key in ("meta_step", "dropped"))
    if not integral or metrics["meta_step"] < 1 or not math.isfinite(metrics["seconds"]):
        return None
    for table in (metrics.get(key, {}) for key in BY_AGE):
        if not isinstance(table, dict) or not all(map(_is_number, table.values())):
            return None
    return metrics


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

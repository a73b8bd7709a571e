"""Console output of a meta-training run: a live line, and a lasting line after each validation."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from typing import Any

from metaplastic.cli.display import Display
from metaplastic.meta.run.reporter import Reporter

RECENT = 50  # meta-steps over which the displayed loss is averaged


class ConsoleReporter(Reporter):
    """Reporter that shows a run on a display."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._losses: deque[float] = deque(maxlen=RECENT)
        self._dropped = 0
        self._accuracy: dict[str, float] = {}

    def working(self, what: str) -> None:
        self._display(what)

    def compiled(self, seconds: float) -> None:
        self._display.line(f"compiled in {seconds:.1f} s")

    def saved(self, path: Path) -> None:
        self._display(f"saved {path.name}")

    def step(self, metrics: dict[str, Any], total: int) -> None:
        done = metrics["meta_step"]
        if math.isfinite(metrics["loss"]):
            self._losses.append(metrics["loss"])
        self._dropped += metrics["dropped"]
        self._accuracy = metrics.get("validation_accuracy", self._accuracy)
        self._display("meta-training", done, total, "meta-steps", job=True, note=self._note())
        if "validation_accuracy" in metrics or done == total:
            self._display.line(self._display.text())

    def _note(self) -> str:
        parts = []
        if self._losses:
            parts.append(f"loss {sum(self._losses) / len(self._losses):.4f}")
        if self._accuracy:
            accuracies = " → ".join(f"{a:.3f}" for a in self._accuracy.values())
            parts.append(f"validation accuracy {accuracies}")
        if self._dropped:
            parts.append(f"{self._dropped} tasks dropped")
        return ", ".join(parts)

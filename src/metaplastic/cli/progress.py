"""How a meta-training run shows on a terminal, and as plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from metaplastic.durations import duration
from metaplastic.meta.reporter import Reporter

PLAIN_SECONDS = 10.0


class ConsoleReporter(Reporter):
    """One live line on a terminal; elsewhere a plain line every few seconds.

    Rates leave compilation and validation out; the time left is from the same rates.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._recent: deque[dict[str, Any]] = deque(maxlen=50)
        self._dropped = 0
        self._shown = -math.inf
        self._accuracy: dict[str, float] = {}
        self._last_clock: float | None = None
        self._rates: deque[float] = deque(maxlen=50)

    def message(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def warning(self, text: str) -> None:
        self._console.print(Text(f"warning: {text}", style="yellow"), soft_wrap=True)

    def compiled(self, seconds: float) -> None:
        self.message(f"compiled in {seconds:.1f} s")

    def saved(self, path: Path) -> None:
        if not self._console.is_terminal:
            self.message(f"saved {path}")

    def step(self, metrics: dict[str, Any], total: int) -> None:
        now = time.perf_counter()
        slow = metrics["compile_seconds"] > 0 or "validation_accuracy" in metrics
        if self._last_clock is not None and not slow:
            self._rates.append(now - self._last_clock)
        self._last_clock = now
        self._recent.append(metrics)
        self._dropped += metrics["dropped"]
        self._accuracy = metrics.get("validation_accuracy", self._accuracy)
        line = self._line(metrics, total)
        if self._console.is_terminal:
            if self._live is None:
                self._live = Live(console=self._console, refresh_per_second=4, transient=False)
                self._live.start()
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"))
        elif (
            now - self._shown >= PLAIN_SECONDS
            or metrics["meta_step"] == total
            or "validation_accuracy" in metrics
        ):
            self._console.print(Text(line), soft_wrap=True)
            self._shown = now

    def _line(self, metrics: dict[str, Any], total: int) -> str:
        done = metrics["meta_step"]
        losses = [m["loss"] for m in self._recent if math.isfinite(m["loss"])]
        parts = [f"meta-step {done}/{total}"]
        seconds = sum(self._rates) / len(self._rates) if self._rates else math.nan
        if self._rates:
            parts.append(f"{1 / seconds:.2f} meta-steps/s")
            parts.append(f"{metrics['truncations'] / seconds:.1f} truncations/s")
        if losses:
            parts.append(f"loss {sum(losses) / len(losses):.4f}")
        if self._accuracy:
            shown = " → ".join(f"{a:.3f}" for a in self._accuracy.values())
            parts.append(f"validation accuracy {shown}")
        parts.append(f"dropped {self._dropped}")
        if self._rates:
            parts.append(f"{duration((total - done) * seconds)} left")
        return "  ".join(parts)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

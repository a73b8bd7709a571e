"""Numbers as they are found, kept from one run of a study to the next, seed by seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metaplastic.evaluation.results import read_json, write_json

SEEDS_AT_ONCE = 5  # seeds run together between two savings

Compute = Callable[[Sequence[int]], Sequence[Any]]


class Store:
    """A file of cells. A cell is named by everything that determines its numbers.

    Numbers found are written at once, atomically, so that an interrupted study goes on from the
    seeds that are done. `fresh` counts the numbers computed here, `kept` those found in the file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._cells: dict[str, dict[str, Any]] = (
            read_json(self.path)["cells"] if self.path.is_file() else {}
        )
        self.fresh = 0
        self.kept = 0

    def numbers(self, key: Mapping[str, Any], seeds: Sequence[int], compute: Compute) -> list[Any]:
        """The cell's number (or list, or whatever JSON holds) for every seed, in their order.

        `compute` is called with the seeds that are missing, a few at a time.
        """
        cell = self._cells.setdefault(digest(key), {"key": dict(key), "seeds": {}})
        missing = [seed for seed in seeds if str(seed) not in cell["seeds"]]
        self.kept += len(seeds) - len(missing)
        for first in range(0, len(missing), SEEDS_AT_ONCE):
            now = missing[first : first + SEEDS_AT_ONCE]
            for seed, value in zip(now, compute(now), strict=True):
                cell["seeds"][str(seed)] = value
            self.fresh += len(now)
            write_json(self.path, {"kind": "cells", "format": 1, "cells": self._cells})
        return [cell["seeds"][str(seed)] for seed in seeds]


def digest(key: Mapping[str, Any]) -> str:
    """A short name for what determines a number."""
    text = json.dumps(key, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

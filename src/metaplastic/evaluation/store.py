"""A cache of results that persists between runs of a study, seed by seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metaplastic.errors import DataError
from metaplastic.evaluation.results import plain, read_json, write_json

SEEDS_AT_ONCE = 5  # seeds computed together before the file is written

Compute = Callable[[Sequence[int]], Sequence[Any]]


class Store:
    """A file of cells. The key of a cell is everything that determines its numbers.

    Numbers are written atomically as soon as they are computed, so that an interrupted study
    resumes after the last finished seed. `fresh` counts the numbers computed here, `reused` those
    read from the file; each number counts once, however often it is requested.

    Raises `DataError` if the file does not hold cells.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._cells = self._read()
        self._computed: set[tuple[str, int]] = set()
        self._read_from_file: set[tuple[str, int]] = set()

    @property
    def fresh(self) -> int:
        return len(self._computed)

    @property
    def reused(self) -> int:
        return len(self._read_from_file)

    def numbers(self, key: Mapping[str, Any], seeds: Sequence[int], compute: Compute) -> list[Any]:
        """Return the cell's number (or list, or other JSON value) for every seed, in order.

        `compute` is called with the missing seeds, a few at a time.
        """
        name = digest(key)
        cell = self._cells.setdefault(name, {"key": dict(key), "seeds": {}})
        missing = [seed for seed in seeds if str(seed) not in cell["seeds"]]
        cached = {(name, seed) for seed in seeds if seed not in missing}
        self._read_from_file |= cached - self._computed
        for first in range(0, len(missing), SEEDS_AT_ONCE):
            batch = missing[first : first + SEEDS_AT_ONCE]
            for seed, value in zip(batch, compute(batch), strict=True):
                cell["seeds"][str(seed)] = value
            self._computed |= {(name, seed) for seed in batch}
            self._write()
        return [cell["seeds"][str(seed)] for seed in seeds]

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self.path.is_file():
            return {}
        content = read_json(self.path)
        cells = content.get("cells")
        if not isinstance(cells, dict) or not all(
            isinstance(cell, dict) and isinstance(cell.get("seeds"), dict)
            for cell in cells.values()
        ):
            raise DataError(f"{self.path} holds no study cells; delete it and run again")
        # files of format 1 have no digest
        if content.get("format") != 1 and content.get("digest") != digest(cells):
            raise DataError(f"{self.path} is damaged; delete it and run again")
        return cells

    def _write(self) -> None:
        """Write the file, merged with what another study has written: all share the search."""
        for name, theirs in self._read().items():
            ours = self._cells.setdefault(name, theirs)
            ours["seeds"] = theirs["seeds"] | ours["seeds"]
        content = {"kind": "cells", "format": 2, "digest": digest(plain(self._cells))}
        write_json(self.path, {**content, "cells": self._cells})


def digest(key: Mapping[str, Any]) -> str:
    """Return a short hash of the key of a cell."""
    text = json.dumps(key, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

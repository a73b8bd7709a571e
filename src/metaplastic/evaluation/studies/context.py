"""The context a study runs in: rule, data and cached numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from metaplastic.errors import DataError
from metaplastic.evaluation.baselines import LabelledBaseline
from metaplastic.evaluation.named_rule import NamedRule, ladder_of, run_of, start_of
from metaplastic.evaluation.problem import Problem, load_problem
from metaplastic.evaluation.store import Store
from metaplastic.progress import Progress, silent


class Context:
    """The context of a study: the rule, the run it came from, the data and the cached numbers.

    classifiers: classifiers built on the rule in higher layers of the package, for studies that
    compare classifiers.
    """

    def __init__(
        self,
        rule: NamedRule,
        results_dir: Path | str = "results",
        *,
        data_dir: Path | str | None = None,
        progress: Progress = silent,
        classifiers: Sequence[LabelledBaseline] = (),
    ) -> None:
        self.rule = rule
        self.classifiers = tuple(classifiers)
        self.run = run_of(rule.name)
        self.results = Path(results_dir)
        self.data_dir, self.progress = data_dir, progress
        self.notes: list[str] = []
        self._problems: dict[str, Problem] = {}

    def store(self, name: str) -> Store:
        """Return the store of a study's cells, which persists between runs."""
        return Store(self.cells(name))

    def cells(self, name: str) -> Path:
        """Return the path of a study's cells."""
        return self.results / "cells" / f"{name}.json"

    def ladder(self, most: int = 6) -> list[NamedRule]:
        """Return rules along the run that the rule belongs to, or the rule alone without a run."""
        return ladder_of(self.run, most) if self.run is not None else [self.rule]

    def start(self) -> list[NamedRule]:
        """Return the rule at meta-step 0 with the run's initial θ; empty if not recorded."""
        first = None if self.run is None else start_of(self.run)
        # the run's settings may name another kind of rule than the one evaluated
        return [first] if first is not None and type(first.rule) is type(self.rule.rule) else []

    def problem(self, address: str) -> Problem:
        """Return a data set, loaded once. Raises `DataError` if its files are missing."""
        if address not in self._problems:
            self._problems.clear()  # one data set in memory at a time
            self.progress(f"reading {address}")
            self._problems[address] = load_problem(address, self.data_dir)
        return self._problems[address]

    def available(self, addresses: Sequence[str]) -> Iterator[str]:
        """Yield the available data sets, each loaded when its turn comes; the missing ones are
        named in `notes`. Raises `DataError` at the end if none is available."""
        any_available = False
        for address in addresses:
            try:
                self.problem(address)
            except DataError as error:
                self.notes.append(f"{address} left out: {error}")
                continue
            any_available = True
            yield address
        if not any_available:
            raise DataError(
                f"none of the data sets {', '.join(addresses)} is available: {self.notes[-1]}"
            )

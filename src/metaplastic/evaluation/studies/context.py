"""What a study is run with."""

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
    """What a study is run with: the rule, the run it came from, data, and the numbers kept.

    classifiers: those built on the rule in floors above this one, for studies of classifiers.
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
        """The cells of a study, kept between runs."""
        return Store(self.cells(name))

    def cells(self, name: str) -> Path:
        """The file of a study's cells."""
        return self.results / "cells" / f"{name}.json"

    def ladder(self, most: int = 6) -> list[NamedRule]:
        """Rules along the run that the rule belongs to; the rule alone where there is none."""
        return ladder_of(self.run, most) if self.run is not None else [self.rule]

    def start(self) -> list[NamedRule]:
        """The rule at meta-step 0, θ as the run drew it; none where that is not recorded."""
        first = None if self.run is None else start_of(self.run)
        # a run's own record and its rungs may be of another kind of rule than its settings ask for
        return [first] if first is not None and type(first.rule) is type(self.rule.rule) else []

    def problem(self, address: str) -> Problem:
        """A data set, loaded once. Raises `DataError` where its files are not here."""
        if address not in self._problems:
            self._problems.clear()  # one data set in memory at a time
            self.progress(f"reading {address}")
            self._problems[address] = load_problem(address, self.data_dir)
        return self._problems[address]

    def available(self, addresses: Sequence[str]) -> Iterator[str]:
        """Those of the data sets that are here, each loaded when its turn comes; the others are
        named in `notes`. Raises `DataError` in the end where there is none."""
        found = False
        for address in addresses:
            try:
                self.problem(address)
            except DataError as error:
                self.notes.append(f"{address} left out: {error}")
                continue
            found = True
            yield address
        if not found:
            raise DataError(
                f"none of the data sets {', '.join(addresses)} is here: {self.notes[-1]}"
            )

"""Hyperparameter search for baselines, on data sets other than the one reported."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metaplastic.data.address import parse_address
from metaplastic.errors import DataError
from metaplastic.evaluation.baselines import BASELINES, Baseline, make_baseline
from metaplastic.evaluation.few_shot import baseline_accuracies
from metaplastic.evaluation.problem import Problem, load_search_problem
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.results import as_numbers, mean_and_error
from metaplastic.evaluation.store import Store
from metaplastic.progress import Progress, silent

SEARCH_SETS = ("fashion_mnist@14", "cifar10@16", "mnist@14", "glyphs@14", "digits")
SETS_USED = 2
SEEDS = (1000, 1001, 1002)


class Choice(NamedTuple):
    """The chosen settings, and a record of all settings tried with accuracies by set and seed."""

    settings: dict[str, Any]
    record: dict[str, Any]


class Search:
    """A search for one architecture and number of labels; every trial is cached in `store`."""

    def __init__(
        self,
        store: Store,
        config: FewShotConfig,
        *,
        data_dir: Path | str | None = None,
        seeds: Sequence[int] = SEEDS,
        progress: Progress = silent,
    ) -> None:
        self._store, self._config, self._data_dir = store, config, data_dir
        self._seeds, self._progress = tuple(seeds), progress
        self._problems: dict[str, Problem | None] = {}
        self.best = cache(self._best)

    def sets_for(self, address: str) -> list[str]:
        """Return the first two available search sets that are not the data set reported."""
        reported = parse_address(address).name
        chosen = []
        for candidate in SEARCH_SETS:
            if parse_address(candidate).name != reported and self._problem(candidate) is not None:
                chosen.append(candidate)
            if len(chosen) == SETS_USED:
                break
        return chosen

    def _problem(self, address: str) -> Problem | None:
        if address not in self._problems:
            try:
                self._problems[address] = load_search_problem(address, self._data_dir)
            except DataError:  # its files are missing
                self._problems[address] = None
        return self._problems[address]

    def make(self, name: str, address: str) -> tuple[Baseline, dict[str, Any]]:
        """Return the baseline with the settings for data set `address`, and the search record."""
        choice = self.best(name, tuple(self.sets_for(address)))
        return make_baseline(name, **choice.settings), choice.record

    def _best(self, name: str, sets: tuple[str, ...]) -> Choice:
        grid = BASELINES[name].grid
        if len(grid) == 1 or not sets:  # a single choice, or no data to choose by
            return Choice(grid[0], {"settings": grid[0], "tried": []})
        tried = []
        for index, chosen in enumerate(grid):
            self._progress(f"choosing the settings of {name}", index, len(grid), "settings")
            accuracy = {address: self.accuracies(name, chosen, address) for address in sets}
            levels = [mean_and_error(as_numbers(a))["mean"] for a in accuracy.values()]
            mean = float(np.mean(levels))
            tried.append({"settings": chosen, "mean": mean, "accuracy": accuracy})
        # settings without any number must not win
        best = max(tried, key=lambda entry: np.nan_to_num(entry["mean"], nan=-1.0))
        return Choice(
            best["settings"],
            {
                "settings": best["settings"],
                "sets": list(sets),
                "seeds": list(self._seeds),
                "tried": tried,
            },
        )

    def accuracies(self, name: str, chosen: dict[str, Any], address: str) -> list[float]:
        """Return a baseline's accuracy with given settings on a set of the search, by seed.

        Raises `DataError` if the set's files are missing.
        """
        problem = self._problem(address)
        if problem is None:
            raise DataError(f"the search needs {address}, whose files are missing")
        config = self._config.model_copy(update={"dataset": address})
        baseline = make_baseline(name, **chosen)
        return self._store.numbers(
            self.trial_key(baseline, address),
            self._seeds,
            lambda seeds: baseline_accuracies(baseline, problem, config, seeds=seeds).tolist(),
        )

    def trial_key(self, baseline: Baseline, address: str) -> dict[str, Any]:
        """Return the key of the cell for one setting tried on one data set."""
        config = self._config
        return {
            "search": baseline.name,
            "settings": baseline.settings.model_dump(),
            "dataset": address,
            "labels_per_class": config.labels_per_class,
            "hidden": list(config.hidden),
            "n_features": config.n_features,
            "activation": config.activation,
            "batch_size": config.batch_size,
        }

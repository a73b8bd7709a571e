"""Results are cached seed by seed; baselines are searched on other data sets."""

import numpy as np
import pytest

from metaplastic.errors import DataError
from metaplastic.evaluation import FewShotConfig, search
from metaplastic.evaluation.search import Search
from metaplastic.evaluation.store import SEEDS_AT_ONCE, Store


def test_only_missing_seeds_are_computed(tmp_path):
    asked = []

    def compute(seeds):
        asked.extend(seeds)
        return [10.0 * seed for seed in seeds]

    first = Store(tmp_path / "cells.json")
    assert first.numbers({"a": 1}, (0, 2), compute) == [0.0, 20.0]
    again = Store(tmp_path / "cells.json")
    assert again.numbers({"a": 1}, (0, 1, 2), compute) == [0.0, 10.0, 20.0]
    assert again.numbers({"a": 2}, (0,), compute) == [0.0]
    assert asked == [0, 2, 1, 0]
    assert (again.fresh, again.reused) == (2, 2)
    assert again.numbers({"a": 1}, (0, 1, 2), compute) == [0.0, 10.0, 20.0]
    assert (again.fresh, again.reused) == (2, 2)  # each once, however often it is asked for


def test_an_interruption_keeps_the_seeds_that_are_done(tmp_path):
    seeds = tuple(range(SEEDS_AT_ONCE + 3))

    def interrupted(now):
        if now[0] > 0:
            raise KeyboardInterrupt
        return list(now)

    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path / "cells.json").numbers({}, seeds, interrupted)
    asked = []

    def compute(now):
        asked.extend(now)
        return list(now)

    assert Store(tmp_path / "cells.json").numbers({}, seeds, compute) == list(seeds)
    assert asked == list(seeds[SEEDS_AT_ONCE:])


@pytest.fixture
def only_digits(monkeypatch):
    monkeypatch.setattr(search, "SEARCH_SETS", ("digits", "two_moons", "mnist@14"))
    return FewShotConfig(hidden=(8,), n_features=4)


def test_the_data_set_reported_is_never_searched_on(tmp_path, only_digits):
    searching = Search(Store(tmp_path / "s.json"), only_digits)
    assert searching.sets_for("digits@14")[0] == "two_moons"
    assert searching.sets_for("mnist") == ["digits", "two_moons"]


def test_the_best_setting_wins_and_every_trial_is_recorded(tmp_path, only_digits, monkeypatch):
    levels = {25: 0.3, 400: 0.9, 100: 0.5, 1600: 0.7}
    calls = []

    def accuracies(baseline, problem, config, *, seeds):
        calls.append((baseline.settings.inner_steps, problem.address))
        return np.full(len(seeds), levels[baseline.settings.inner_steps])

    monkeypatch.setattr(search, "baseline_accuracies", accuracies)
    searching = Search(Store(tmp_path / "s.json"), only_digits)
    baseline, record = searching.make("hebbian", "mnist")
    assert baseline.settings.inner_steps == 400
    assert record["sets"] == ["digits", "two_moons"]
    assert [entry["settings"] for entry in record["tried"]] == list(type(baseline).grid)
    assert np.shape(record["tried"][0]["accuracy"]["digits"]) == (3,)
    done = len(calls)
    Search(Store(tmp_path / "s.json"), only_digits).make("hebbian", "cifar10")
    assert len(calls) == done  # all cached


def test_a_set_whose_files_are_missing_is_named(tmp_path, only_digits, monkeypatch):
    def load(address, data_dir):
        raise DataError("no files")

    monkeypatch.setattr(search, "load_search_problem", load)
    searching = Search(Store(tmp_path / "s.json"), only_digits)
    with pytest.raises(DataError, match="mnist@14, whose files are missing"):
        searching.accuracies("pca", {}, "mnist@14")


def test_a_setting_that_gives_no_number_does_not_win(tmp_path, only_digits, monkeypatch):
    def accuracies(baseline, problem, config, *, seeds):
        good = baseline.settings.inner_step == 0.3
        return np.full(len(seeds), 0.2 if good else np.nan)

    monkeypatch.setattr(search, "baseline_accuracies", accuracies)
    baseline, _ = Search(Store(tmp_path / "s.json"), only_digits).make("hebbian", "mnist")
    assert baseline.settings.inner_step == 0.3


def test_two_studies_that_share_a_file_lose_nothing(tmp_path):
    path = tmp_path / "search.json"
    one, other = Store(path), Store(path)
    one.numbers({"a": 1}, (0, 1), lambda seeds: [float(s) for s in seeds])
    other.numbers({"a": 1}, (2,), lambda seeds: [float(s) for s in seeds])
    other.numbers({"b": 1}, (0,), lambda seeds: [5.0])

    def refuse(_):
        raise AssertionError("computed again")

    again = Store(path)
    assert again.numbers({"a": 1}, (0, 1, 2), refuse) == [0.0, 1.0, 2.0]
    assert again.numbers({"b": 1}, (0,), refuse) == [5.0]


@pytest.mark.parametrize("text", ['{"cells": 3}', '{"cells": {"x": {}}}', "{}", "[]", "{"])
def test_a_damaged_store_is_named(tmp_path, text):
    (tmp_path / "cells.json").write_text(text)
    with pytest.raises(DataError, match=r"cells\.json.*delete it"):
        Store(tmp_path / "cells.json")

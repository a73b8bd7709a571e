"""Baselines' numbers restored from results, after which a study measures only its rule."""

from __future__ import annotations

import shutil

import pytest
from benchmarks.refill import STUDIES, refill_all

from metaplastic.evaluation import search
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.studies import Context, make_study

COMMON = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 2}
SMALL = {
    "datasets": {"datasets": ("digits",), "baselines": ("random", "kmeans")},
    "text": {"dataset": "digits", "baselines": ("raw",), "rungs": 1},
    "labels": {"dataset": "digits", "labels": (1, 3), "baselines": ("raw",)},
    "mismatch": {"datasets": ("digits",), "points": (0, 5)},
}


@pytest.mark.slow
def test_a_study_then_measures_only_its_rule(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(search, "SEARCH_SETS", ("glyphs@14",))
    assert set(SMALL) == set(STUDIES)
    rule = named_rule("hebbian")
    first, again = {}, {}
    for name, chosen in SMALL.items():
        first[name] = make_study(name, Context(rule, tmp_path), **COMMON | chosen).run()
    assert read_json(tmp_path / "datasets.json")["datasets"]["digits"]["methods"]["kmeans"][
        "search"
    ]["tried"]  # or the search is not tested
    shutil.rmtree(tmp_path / "cells")
    assert refill_all(rule, tmp_path) == list(STUDIES)

    def refuse(*_, **__):
        raise AssertionError("a baseline was measured again")

    for module in ("search", "studies.study", "few_shot"):
        monkeypatch.setattr(f"metaplastic.evaluation.{module}.baseline_accuracies", refuse)
    monkeypatch.setattr("metaplastic.evaluation.baselines.vae.Vae.along", refuse)
    for name, chosen in SMALL.items():
        again[name] = make_study(name, Context(rule, tmp_path), **COMMON | chosen).run()
    assert again == first


def test_results_that_are_not_there_are_left_out(tmp_path) -> None:
    assert refill_all(named_rule("hebbian"), tmp_path) == []

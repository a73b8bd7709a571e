"""Baselines' numbers restored from results, after which a study measures only its rule."""

from __future__ import annotations

import shutil

import pytest
from benchmarks.refill import OF_BASELINES, OF_RULES, refill_all

from metaplastic.evaluation import few_shot, search
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json, write_json
from metaplastic.evaluation.studies import Context, make_study

COMMON = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 2}
SMALL = {
    "datasets": {"datasets": ("digits",), "baselines": ("random", "kmeans")},
    "text": {"dataset": "digits", "baselines": ("raw",), "rungs": 1},
    "labels": {"dataset": "digits", "labels": (1, 3), "baselines": ("raw",)},
    "mismatch": {"datasets": ("digits",), "points": (0, 5)},
    "domains": {
        "datasets": ("digits",),
        "baselines": ("raw", "random-forest"),
        "labels": (2, 5),
        "readouts": ("ridge",),
    },
}
RULES = {
    "learned": {"datasets": ("digits",), "draws": 2, "parts": ("lateral",)},
    "architectures": {
        "dataset": "digits",
        "depths": (1,),
        "widths": (8,),
        "activations": ("relu", "tanh"),
        "grid_depths": (2,),
        "grid_widths": (12,),
        "grid_seeds": 1,
    },
}


@pytest.mark.slow
def test_a_study_then_measures_only_its_rule(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(search, "SEARCH_SETS", ("glyphs@14",))
    assert set(SMALL) == set(OF_BASELINES)
    rule = named_rule("hebbian")
    first, again = {}, {}
    for name, chosen in SMALL.items():
        first[name] = make_study(name, Context(rule, tmp_path), **COMMON | chosen).run()
    assert read_json(tmp_path / "datasets.json")["datasets"]["digits"]["methods"]["kmeans"][
        "search"
    ]["tried"]  # or the search is not tested
    shutil.rmtree(tmp_path / "cells")
    assert refill_all(rule, tmp_path) == list(OF_BASELINES)

    def refuse(*_, **__):
        raise AssertionError("a baseline was measured again")

    for module in ("search", "studies.study", "few_shot"):
        monkeypatch.setattr(f"metaplastic.evaluation.{module}.baseline_accuracies", refuse)
    monkeypatch.setattr("metaplastic.evaluation.baselines.vae.Vae.along", refuse)
    monkeypatch.setattr("metaplastic.evaluation.studies.domain_cells.make_trials", refuse)
    measure = few_shot.rule_accuracies
    for name, chosen in SMALL.items():
        if name == "datasets":  # the rule's numbers are restored too
            monkeypatch.setattr("metaplastic.evaluation.studies.study.rule_accuracies", refuse)
        again[name] = make_study(name, Context(rule, tmp_path), **COMMON | chosen).run()
        monkeypatch.setattr("metaplastic.evaluation.studies.study.rule_accuracies", measure)
    assert again == first


@pytest.mark.slow
def test_the_rules_own_numbers_are_not_measured_again(tmp_path, monkeypatch) -> None:
    assert set(RULES) == set(OF_RULES)
    rule = named_rule("default")
    first, again = {}, {}
    for name, chosen in RULES.items():
        first[name] = make_study(name, Context(rule, tmp_path), **COMMON | chosen).run()
    shutil.rmtree(tmp_path / "cells")
    assert refill_all(rule, tmp_path) == list(OF_RULES)

    def refuse(*_, **__):
        raise AssertionError("the rule was measured again")

    monkeypatch.setattr("metaplastic.evaluation.studies.study.rule_accuracies", refuse)
    monkeypatch.setattr("metaplastic.evaluation.studies.study.baseline_accuracies", refuse)
    for name, chosen in RULES.items():
        again[name] = make_study(name, Context(rule, tmp_path), **COMMON | chosen).run()
    assert again == first


def test_results_of_another_rule_are_left_out(tmp_path) -> None:
    study = make_study("learned", Context(named_rule("hebbian"), tmp_path))
    rule = {**study.context.rule.describe(), "fingerprint": "0" * 16}
    write_json(study.path, {"rule": rule, "settings": study.settings.model_dump(mode="json")})
    assert refill_all(named_rule("hebbian"), tmp_path) == []


def test_results_that_are_not_there_are_left_out(tmp_path) -> None:
    assert refill_all(named_rule("hebbian"), tmp_path) == []

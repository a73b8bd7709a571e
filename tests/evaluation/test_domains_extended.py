"""Study `domains` with `extends`: sets of an earlier file are taken over, further ones measured."""

import json

import numpy as np
import pytest

from metaplastic.errors import ConfigError, DataError
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.studies import Context, make_study
from metaplastic.evaluation.studies.domain_earlier import Earlier

CHOSEN = {
    "seeds": 1,
    "hidden": (8,),
    "n_features": 4,
    "inner_steps": 2,
    "batch_size": 16,
    "baselines": ("raw",),
    "labels": (2,),
    "readouts": ("ridge",),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    (data / "tables").mkdir()
    for seed, name in enumerate(("one", "two", "three")):
        rng = np.random.default_rng(seed)
        y = np.arange(90) % 3
        x = rng.standard_normal((90, 6)) + 2.0 * np.eye(6)[y]
        np.savez(data / "tables" / f"{name}.npz", X=x.astype(np.float32), y=y)
    return data


@pytest.fixture(scope="module")
def study_of(folder):
    def make(results, rule="hebbian", **changes):
        return make_study(
            "domains", Context(named_rule(rule), results, data_dir=folder), **(CHOSEN | changes)
        )

    return make


@pytest.fixture(scope="module")
def earlier(study_of, tmp_path_factory):
    study = study_of(tmp_path_factory.mktemp("results"), datasets=("one", "two"))
    study.run()
    return study.path


def test_the_same_numbers_as_from_one_run(study_of, earlier, tmp_path):
    extended = study_of(tmp_path, datasets=("two", "three"), extends=earlier)
    assert extended.cells() == 2  # set three alone: the rule and the inputs
    content = extended.run()
    whole = study_of(tmp_path / "whole", datasets=("one", "two", "three")).run()
    assert content["settings"] == {k: v for k, v in whole["settings"].items() if k != "extends"}
    assert any("taken over" in note and "one, two" in note for note in content["notes"])
    for name in whole["sets"]:
        for method in whole["methods"]:
            ours = content["sets"][name]["methods"][method]["accuracy"]
            assert ours == whole["sets"][name]["methods"][method]["accuracy"]
    ranks = [
        [(row["method"], row["mean_rank"]) for row in c["standings"][0]["rows"]]
        for c in (content, whole)
    ]
    assert ranks[0] == ranks[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": 2}, r"other settings: seeds 1 \(here 2\)"),
        ({"labels": (2, 5)}, r"labels \[2\] \(here \[2, 5\]\)"),
        ({"rule": "default"}, "not with this one"),
    ],
)
def test_another_setting_or_rule_is_named(study_of, earlier, tmp_path, changes, said):
    with pytest.raises(ConfigError, match=said):
        study_of(tmp_path, datasets=("three",), extends=earlier, **changes).run()


def test_a_missing_method_is_named(study_of, earlier, tmp_path):
    content = read_json(earlier)
    del content["methods"]["raw"]
    (tmp_path / "less.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="in the methods raw"):
        study_of(tmp_path, datasets=("three",), extends=tmp_path / "less.json").run()


@pytest.mark.parametrize("text", ['{"study": "labels"}', "{}", "[]", "nothing"])
def test_another_file_is_one_line(study_of, tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(DataError, match=r"other\.json"):
        study_of(tmp_path, datasets=("three",), extends=tmp_path / "other.json").run()


def test_a_choice_holds_for_the_sets_it_was_searched_on(study_of, earlier, tmp_path):
    content = read_json(earlier)
    record = {"settings": {"features": 8}, "sets": ["a", "b"], "tried": []}
    content["sets"]["two"]["methods"]["raw"]["search"] = record
    (tmp_path / "searched.json").write_text(json.dumps(content))
    settings = study_of(tmp_path).settings
    found = Earlier(tmp_path / "searched.json", settings, content["rule"]["fingerprint"])
    choice = found.choice("raw", ("a", "b"))
    assert choice is not None
    assert choice == ({"features": 8}, record)
    assert found.choice("raw", ("a",)) is None

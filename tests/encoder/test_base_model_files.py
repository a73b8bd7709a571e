"""Encoders on convolutions and residual connections as files: the same to the bit, or refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.encoder.conftest import HEBBIAN
from tests.encoder.test_base_models import MAPS, SPECS, encoder

from metaplastic import PlasticClassifier, PlasticEncoder
from metaplastic.base_model import parse_model, perceptron
from metaplastic.errors import ModelFileError
from metaplastic.hub import container


@pytest.fixture(scope="module")
def saved(digits, tmp_path_factory) -> tuple[PlasticEncoder, Path]:
    path = tmp_path_factory.mktemp("maps") / "m.safetensors"
    fitted = encoder().fit(digits[0])
    fitted.save(path)
    return fitted, path


def test_what_is_loaded_is_what_was_saved(saved, digits) -> None:
    fitted, path = saved
    loaded = PlasticEncoder.load(path)
    x = digits[0]
    np.testing.assert_array_equal(loaded.transform(x), fitted.transform(x))
    assert loaded.model == MAPS
    assert loaded.phi_.spec == fitted.phi_.spec
    assert list(loaded.get_feature_names_out()) == list(fitted.get_feature_names_out())
    assert container.read(path, 10**8, ModelFileError).metadata["format_version"] == "3"
    # and it goes on as the other does
    np.testing.assert_array_equal(
        loaded.partial_fit(x[:64]).transform(x), fitted.partial_fit(x[:64]).transform(x)
    )


@pytest.mark.parametrize("name", SPECS)
def test_every_topology_comes_back(name: str, digits, tmp_path) -> None:
    x, spec = digits[0][:200], parse_model(SPECS[name])
    fitted = encoder(model=spec, max_iter=0, layers=[1, 0]).fit(x)
    fitted.save(tmp_path / "m.safetensors")
    loaded = PlasticEncoder.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.transform(x), fitted.transform(x))
    assert parse_model(loaded.model) == loaded.phi_.spec == spec


def test_a_perceptrons_file_is_one_that_earlier_versions_read(digits, tmp_path) -> None:
    path = tmp_path / "m.safetensors"
    PlasticEncoder(HEBBIAN, (16,), 8, max_iter=0, random_state=0).fit(digits[0]).save(path)
    metadata = container.read(path, 10**8, ModelFileError).metadata
    assert metadata["format_version"] == "2"
    facts = json.loads(metadata["encoder"])
    assert "model" not in facts
    assert "model" not in facts["parameters"]


@pytest.mark.parametrize("change", [{"activation": "tanh"}, {"n_components": 3}])
def test_parameters_set_after_fit_do_not_change_the_network_of_a_file(
    change, digits, tmp_path
) -> None:
    x = digits[0][:200]
    fitted = PlasticEncoder(HEBBIAN, (16,), 8, max_iter=0, random_state=0).fit(x)
    before = fitted.transform(x)
    fitted.set_params(**change).save(tmp_path / "m.safetensors")
    loaded = PlasticEncoder.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.transform(x), before)
    assert loaded.phi_.spec == perceptron((64, 16, 8))


def test_a_classifier_on_maps_is_a_file_too(digits, tmp_path) -> None:
    x, y = digits
    known = np.where(np.arange(len(y)) < 100, y, -1)
    classifier = PlasticClassifier(encoder()).fit(x, known)
    classifier.save(tmp_path / "c.safetensors")
    loaded = PlasticClassifier.load(tmp_path / "c.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(x), classifier.predict_proba(x))
    assert loaded.encoder.model == MAPS


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[8,8,1]", "[8,8,2]", "description.*sizes"),
        ("[8,8,1]", "[16,16,1]", "description.*sizes"),
        ('"kind":"conv"', '"kind":"konv"', "description.*konv"),
        ('"units":4', '"units":5', "description.*sizes"),
        ('"kind":"conv"', '"kind":"conv","kernel":5', "expected float32"),
        ('"pool":2', '"pool":3', "description.*sizes"),
        ('"skip":1', '"skip":2', "description.*skip"),
        ('"sizes":[64,16,16]', '"sizes":[64,16]', "description.*sizes"),
    ],
)
def test_descriptions_are_checked(old: str, new: str, words: str, saved, tmp_path) -> None:
    arrays, metadata = container.read(saved[1], 10**8, ModelFileError)
    facts = json.dumps(json.loads(metadata["encoder"]), separators=(",", ":"))
    start = facts.index('"sizes"')  # what stands before are the parameters
    changed = facts[:start] + facts[start:].replace(old, new)
    assert changed != facts
    path = tmp_path / "changed.safetensors"
    container.write(path, arrays, {**metadata, "encoder": changed}, ModelFileError)
    with pytest.raises(ModelFileError, match=words) as caught:
        PlasticEncoder.load(path)
    assert "\n" not in str(caught.value)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "relu", "dense", "conv", "valid", "same", "\n\u2028"]),
    st.lists(st.integers(-2, 10**12), max_size=3),
    st.dictionaries(st.sampled_from(["kind", "units", "pool"]), st.integers(), max_size=2),
)


def paths(value: Any, prefix: tuple = ()) -> list[tuple]:
    """Return the path to every value inside nested tables and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    results = []
    for key, item in inner:
        results.append((*prefix, key))
        if isinstance(item, (dict, list)):
            results += paths(item, (*prefix, key))
    return results


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_other_model_is_refused_or_works(saved, tmp_path_factory, data) -> None:
    """One value of the model, as a parameter or as the network's own, changed, added or gone."""
    arrays, metadata = container.read(saved[1], 10**8, ModelFileError)
    facts = copy.deepcopy(json.loads(metadata["encoder"]))
    holder = data.draw(st.sampled_from([facts, facts["parameters"]]))
    *prefix, last = data.draw(st.sampled_from([("model",), *paths(holder["model"], ("model",))]))
    for key in prefix:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[last] = data.draw(VALUES)
    elif isinstance(holder, dict) and data.draw(st.booleans()):
        names = ["skip", "pool", "stride", "padding", "kernel", "activation", "bogus"]
        holder[data.draw(st.sampled_from(names))] = data.draw(VALUES)
    else:
        del holder[last]
    path = tmp_path_factory.getbasetemp() / "described-maps.safetensors"
    changed = {**metadata, "encoder": json.dumps(facts)}
    container.write(path, arrays, changed, ModelFileError)
    try:
        loaded = PlasticEncoder.load(path)
    except ModelFileError as error:
        line = str(error)
    else:
        line = ""
        assert np.isfinite(loaded.transform(np.ones((2, 64)))).all()
        assert "PlasticEncoder" in repr(loaded)
    assert "\n" not in line
    assert len(line) < 600

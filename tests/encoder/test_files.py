"""A fitted encoder as a file: the same features to the bit; damage is refused in one line."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticEncoder, save_rule
from metaplastic.errors import MetaplasticError, ModelFileError, RuleFileError
from metaplastic.hub import container
from metaplastic.rules import make_rule

FILES = Path(__file__).parent / "files"
SMALL = {"hidden_layer_sizes": (16,), "n_components": 8, "max_iter": 4, "random_state": 0}


@pytest.fixture(scope="module")
def saved(digits, tmp_path_factory) -> tuple[PlasticEncoder, Path]:
    x, y = digits
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    fitted = PlasticEncoder(HEBBIAN, **SMALL).fit(x, eval_set=(x, y))
    fitted.save(path)
    return fitted, path


def test_what_is_loaded_is_what_was_saved(saved, digits) -> None:
    fitted, path = saved
    loaded = PlasticEncoder.load(path)
    x = digits[0]
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(
            loaded.transform(x.astype(dtype)), fitted.transform(x.astype(dtype))
        )
    ours, theirs = loaded.get_params(), fitted.get_params()
    assert ours.pop("rule").settings == theirs.pop("rule").settings
    assert ours == theirs
    assert loaded.n_iter_ == fitted.n_iter_
    np.testing.assert_allclose(loaded.score_curve_, fitted.score_curve_, atol=1e-6)
    # and it goes on as the other does
    np.testing.assert_allclose(
        loaded.partial_fit(x).transform(x), fitted.partial_fit(x).transform(x), atol=1e-6
    )


def test_names_paths_and_generators_in_the_parameters(digits, tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    rule = tmp_path / "rule.safetensors"
    save_rule(make_rule("local", jax.random.key(0), backward="separate"), rule)
    frame = pandas.DataFrame(digits[0][:90, :5], columns=list("abcde"))
    parameters = {**SMALL, "hidden_layer_sizes": 6, "random_state": np.random.RandomState(0)}
    fitted = PlasticEncoder(rule, **parameters).fit(frame)
    fitted.save(tmp_path / "m.safetensors")
    loaded = PlasticEncoder.load(tmp_path / "m.safetensors")
    assert (loaded.rule, loaded.hidden_layer_sizes) == (str(rule), 6)
    assert loaded.random_state is None
    assert list(loaded.feature_names_in_) == list("abcde")
    np.testing.assert_array_equal(loaded.transform(frame), fitted.transform(frame))
    np.testing.assert_array_equal(loaded.phi_.backward[0], fitted.phi_.backward[0])


def test_a_file_of_version_1_stays_readable() -> None:
    loaded = PlasticEncoder.load(FILES / "encoder-v1.safetensors")
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_allclose(loaded.transform(x), np.load(FILES / "encoder-v1.npy"), atol=1e-5)


def test_other_files_are_refused(saved, tmp_path) -> None:
    rule = tmp_path / "rule.safetensors"
    save_rule(HEBBIAN, rule)
    with pytest.raises(ModelFileError, match="metaplastic-rule"):
        PlasticEncoder.load(rule)
    with pytest.raises(ModelFileError, match="no such file"):
        PlasticEncoder.load(tmp_path / "none.safetensors")
    from metaplastic import load_rule

    with pytest.raises(RuleFileError, match="metaplastic-encoder"):
        load_rule(saved[1])


def test_descriptions_and_arrays_are_checked(saved, tmp_path) -> None:
    arrays, metadata = container.read(saved[1], 10**8, ModelFileError)
    path = tmp_path / "changed.safetensors"
    facts = metadata["encoder"]
    for changed, words in [
        ({"format_version": "3"}, "version '3'"),
        ({"encoder": "{}"}, "description"),
        ({"encoder": facts.replace('"relu"', '"bogus"')}, "description"),
        ({"encoder": facts.replace('"max_iter":4', '"max_iter":-4')}, "description"),
        ({"encoder": facts.replace("[64,16,8]", "[64,16,9]")}, "expected float32"),
        ({"encoder": facts.replace("[64,16,8]", "[64,16,8,8]")}, "missing"),
        ({"encoder": facts.replace("[64,16,8]", "[]")}, "description"),
        ({"rule": "bogus"}, "bogus"),
    ]:
        container.write(path, arrays, {**metadata, **changed}, ModelFileError)
        with pytest.raises(MetaplasticError, match=words) as caught:
            PlasticEncoder.load(path)
        assert "\n" not in str(caught.value)
    for name in ("score_curve", "mean.0", "phi.weights.1", "state.age"):
        rest = {key: array for key, array in arrays.items() if key != name}
        container.write(path, rest, metadata, ModelFileError)
        with pytest.raises(ModelFileError, match=name.split(".")[-1]):
            PlasticEncoder.load(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 10**9), bit=st.integers(0, 7), cut=st.booleans())
def test_no_damage_passes_unseen(saved, tmp_path_factory, place: int, bit: int, cut: bool) -> None:
    payload = bytearray(saved[1].read_bytes())
    place %= len(payload)
    if cut:
        del payload[place:]
    else:
        payload[place] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(payload)
    try:
        loaded = PlasticEncoder.load(path)
    except MetaplasticError as error:
        line = str(error)
    else:  # a change of letter case inside an escaped character means the same
        line = ""
        x = np.ones((1, 64), np.float32)
        np.testing.assert_allclose(loaded.transform(x), PlasticEncoder.load(saved[1]).transform(x))
    assert "\n" not in line

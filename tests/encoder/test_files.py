"""A fitted encoder as a file: the same features to the bit; damage is refused in one line."""

from __future__ import annotations

import io
import json
import os
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
    # no inner step: that of a rule with backward weights takes long to compile
    changed = {"hidden_layer_sizes": 6, "max_iter": 0, "random_state": np.random.RandomState(0)}
    parameters = {**SMALL, **changed}
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
        ({"format_version": "6"}, "format version 6, .* up to 5; upgrade metaplastic"),
        ({"format_version": "x"}, "version 'x'"),
        ({"encoder": "{}"}, "description"),
        ({"encoder": facts.replace('"relu"', '"bogus"')}, "description"),
        ({"encoder": facts.replace('"max_iter":4', '"max_iter":-4')}, "description"),
        ({"encoder": facts.replace("[64,16,8]", "[64,16,9]")}, "expected float32"),
        ({"encoder": facts.replace("[64,16,8]", "[64,16,8,8]")}, "missing"),
        ({"encoder": facts.replace("[64,16,8]", "[]")}, "description"),
        ({"encoder": facts.replace('"layers":"all"', '"layers":[]')}, "description.*layers"),
        ({"rule": "bogus"}, "bogus"),
    ]:
        container.write(path, arrays, {**metadata, **changed}, ModelFileError)
        with pytest.raises(MetaplasticError, match=words) as caught:
            PlasticEncoder.load(path)
        assert "\n" not in str(caught.value)
    for name in ("score_curve", "mean.0", "phi.weights.1", "state.age"):
        remaining = {key: array for key, array in arrays.items() if key != name}
        container.write(path, remaining, metadata, ModelFileError)
        with pytest.raises(ModelFileError, match=name.split(".")[-1]):
            PlasticEncoder.load(path)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "relu", "sin", "local", "1e400", "\n\u2028", "a__b"]),
    st.lists(st.integers(-2, 10**12), max_size=3),
    st.dictionaries(st.sampled_from(["rule__x", "bogus", "rule", "max_iter"]), st.integers()),
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_other_description_is_refused_or_works(saved, tmp_path_factory, data) -> None:
    """One value of the description, or of the metadata, changed and the digest made anew."""
    arrays, metadata = container.read(saved[1], 10**8, ModelFileError)
    facts = json.loads(metadata["encoder"])
    part = data.draw(st.sampled_from(["parameters", "facts", "item", "metadata", "settings"]))
    if part == "parameters":
        names = [*facts["parameters"], "rule", "rule__x", "bogus", "self"]
        facts["parameters"][data.draw(st.sampled_from(names))] = data.draw(VALUES)
    elif part == "item":
        lists = sorted(name for name, value in facts.items() if isinstance(value, list))
        items = facts[data.draw(st.sampled_from(lists))]
        items[data.draw(st.integers(0, len(items) - 1))] = data.draw(VALUES)
    else:
        facts[data.draw(st.sampled_from(sorted(facts)))] = data.draw(VALUES)
    metadata["encoder"] = json.dumps(facts)
    if part == "settings":
        metadata["settings"] = json.dumps(data.draw(VALUES))
    if part == "metadata":
        name = data.draw(
            st.sampled_from(["encoder", "settings", "rule", "format", "format_version"])
        )
        deep = "[" * 100_000
        metadata[name] = data.draw(
            st.sampled_from(["", "0", "{", deep, '{"a":' + "9" * 5000 + "}"])
        )
    path = tmp_path_factory.getbasetemp() / "described.safetensors"
    container.write(path, arrays, metadata, ModelFileError)
    loaded = refused_or_loaded(path)
    if loaded is not None:
        assert "PlasticEncoder" in repr(loaded)


def refused_or_loaded(path: Path) -> PlasticEncoder | None:
    try:
        loaded = PlasticEncoder.load(path)
    except ModelFileError as error:
        line = str(error)
    else:
        assert np.isfinite(loaded.transform(np.ones((2, 64)))).all()
        return loaded
    assert "\n" not in line
    assert len(line) < 600
    return None


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_other_array_is_refused_or_works(saved, tmp_path_factory, data) -> None:
    arrays, metadata = container.read(saved[1], 10**8, ModelFileError)
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = arrays[name]
    change = data.draw(st.sampled_from(["dtype", "shape", "nan", "negative", "gone", "other"]))
    if change == "dtype":
        array = array.astype(data.draw(st.sampled_from(["f8", "f2", "i4", "i8", "u1", "bool"])))
    elif change == "shape":
        array = array[..., None] if data.draw(st.booleans()) else array[:0] if array.ndim else array
    elif change == "nan":
        array = np.full(array.shape, np.nan, array.dtype if array.dtype.kind == "f" else "f4")
    elif change == "negative":
        array = -np.abs(array) - 1
    arrays[name + "x" if change == "other" else name] = array
    if change == "gone":
        del arrays[name]
    path = tmp_path_factory.getbasetemp() / "arrays.safetensors"
    container.write(path, arrays, metadata, ModelFileError)
    refused_or_loaded(path)


def test_what_is_no_file_is_refused_too(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "empty", "a\0b", "x" * 5000, "", 3, None):
        with pytest.raises(ModelFileError):
            PlasticEncoder.load(path)


def test_no_more_memory_is_asked_for_than_a_file_is_long(saved, monkeypatch) -> None:
    asked = []

    class Watched(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(size)

    monkeypatch.setattr(Path, "open", lambda path, mode: Watched(path, "r"))
    length = saved[1].stat().st_size
    PlasticEncoder.load(saved[1])
    assert asked == [length + 1]
    with pytest.raises(ModelFileError, match="larger than the 10 bytes"):
        container.read(saved[1], 10, ModelFileError)
    assert len(asked) == 1


@pytest.mark.parametrize("change", [b"more", None, MemoryError()])
def test_files_that_change_or_do_not_fit(saved, monkeypatch, change) -> None:
    class Changed(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            if isinstance(change, Exception):
                raise change
            return super().read(None if change else 5) + (change or b"")

    monkeypatch.setattr(Path, "open", lambda path, mode: Changed(path, "r"))
    with pytest.raises(ModelFileError, match=r"do not fit in memory|changed while it was read"):
        PlasticEncoder.load(saved[1])


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64])
def test_numpys_numbers_and_arrays_in_every_parameter(kind: type, digits, tmp_path) -> None:
    x = digits[0][:60]
    given = {
        "hidden_layer_sizes": kind(16),
        "n_components": kind(8),
        "activation": np.str_("relu"),
        "max_iter": kind(2),
        "batch_size": kind(60),
        "early_stopping": np.bool_(False),
        "n_iter_no_change": kind(3),
        "warm_start": np.bool_(False),
        "max_age": kind(100),
        "random_state": kind(0),
        "verbose": kind(0),
    }
    for hidden in (kind(16), np.array([16], kind), [kind(16)], range(16, 17), (16,)):
        encoder = PlasticEncoder(HEBBIAN, **{**given, "hidden_layer_sizes": hidden}).fit(x)
        encoder.save(tmp_path / "m.safetensors")
        loaded = PlasticEncoder.load(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(loaded.transform(x), encoder.transform(x))
        same = loaded.get_params()
        assert np.all(same.pop("hidden_layer_sizes") == np.asarray(hidden))
        assert all(same[name] == value for name, value in given.items() if name in same)
        assert set(map(type, same.values())) <= {int, bool, str, type(HEBBIAN), type(None)}
    np.testing.assert_array_equal(
        PlasticEncoder(HEBBIAN, **SMALL).set_params(max_iter=2, batch_size=60).fit(x).transform(x),
        encoder.transform(x),
    )


def test_an_encoder_goes_on_where_its_rule_is_no_longer_found(digits, tmp_path) -> None:
    rule = tmp_path / "rule.safetensors"
    save_rule(HEBBIAN, rule)
    PlasticEncoder(rule, **SMALL).fit(digits[0]).save(tmp_path / "m.safetensors")
    rule.unlink()
    loaded = PlasticEncoder.load(tmp_path / "m.safetensors")
    assert loaded.partial_fit(digits[0][:300]).n_iter_ == 5
    with pytest.raises(RuleFileError):
        loaded.fit(digits[0])


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

"""Files of classifiers and regressors: the given encoder's parameters, long names, versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticClassifier, PlasticEncoder, PlasticRegressor, load_rule, save_rule
from metaplastic.errors import MetaplasticError, ModelFileError
from metaplastic.hub import container

Estimator = PlasticClassifier | PlasticRegressor
SMALL = {"hidden_layer_sizes": (16,), "n_components": 8}
KINDS = (PlasticClassifier, PlasticRegressor)


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    x, y = digits
    return x, np.where(np.arange(len(y)) < 100, y, -1)


def rewritten(path: Path, **metadata: str) -> Path:
    contents = container.read(path, 10**8, ModelFileError)
    out = path.with_name("changed.safetensors")
    container.write(out, contents.arrays, {**contents.metadata, **metadata}, ModelFileError)
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_name", [False, True])
def test_the_given_encoder_comes_back_with_its_own_parameters(
    kind: type[Estimator], by_name: bool, few, tmp_path
) -> None:
    rule = HEBBIAN
    if by_name:
        rule = str(tmp_path / "rule.safetensors")
        save_rule(HEBBIAN, rule)
    given = PlasticEncoder(rule, **SMALL, max_iter=3, layers=[1], neighbours=2, random_state=5)
    before = kind(given, readout="inputs").fit(*few)
    before.save(tmp_path / "m.safetensors")
    after = kind.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(after.predict(few[0]), before.predict(few[0]))
    assert after.encoder_.max_iter == 0
    assert after.encoder is not None
    assert not hasattr(after.encoder, "network_")
    ours, theirs = after.encoder.get_params(), given.get_params()
    assert tuple(theirs.pop("layers")) == ours.pop("layers")
    assert ours.pop("rule") == theirs.pop("rule") if by_name else ours.pop("rule").settings
    theirs.pop("rule", None)
    assert ours == theirs
    assert repr(clone(after))


def test_without_an_encoder_older_versions_read_the_file(few, tmp_path) -> None:
    PlasticRegressor(readout="inputs", random_state=0).fit(*few).save(tmp_path / "m.safetensors")
    metadata = container.read(tmp_path / "m.safetensors", 10**8, ModelFileError).metadata
    assert metadata["format_version"] == "1"
    assert "encoder" not in json.loads(metadata["regressor"])
    assert PlasticRegressor.load(tmp_path / "m.safetensors").encoder is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_that_is_invalid_is_refused(kind: Any, few, tmp_path) -> None:
    path = tmp_path / "m.safetensors"
    kind(PlasticEncoder(HEBBIAN, **SMALL), readout="inputs").fit(*few).save(path)
    name = kind.__name__.removeprefix("Plastic").lower()
    facts = json.loads(container.read(path, 10**8, ModelFileError).metadata[name])
    for parameters in ({"bogus": 1}, {"max_iter": -1}, {"self": 3}, {"model": {"layers": 3}}):
        facts["encoder"]["parameters"] = parameters
        with pytest.raises(ModelFileError, match="the encoder's parameters are invalid"):
            kind.load(rewritten(path, **{name: json.dumps(facts)}))


@pytest.mark.parametrize("length", [3, 70_000])
def test_names_of_any_length_are_read_again(length: int, few, tmp_path) -> None:
    """Together those of 70,000 characters are longer than a file's header may be."""
    pandas = pytest.importorskip("pandas")
    x, y = few
    frame = pandas.DataFrame(x, columns=[f"β{i}".ljust(length, "x") for i in range(64)])
    path = tmp_path / "m.safetensors"
    encoder = PlasticEncoder(HEBBIAN, **SMALL, max_iter=0, random_state=0)
    for fitted in (
        encoder.fit(frame),
        *(kind(encoder, readout="inputs").fit(frame, y) for kind in KINDS),
    ):
        fitted.save(path)
        loaded = type(fitted).load(path)
        assert list(loaded.feature_names_in_) == list(frame.columns)
        assert path.stat().st_size < 10**7
    arrays, metadata = container.read(path, 10**8, ModelFileError)
    assert ("regressor.feature_names" in arrays) == (length > 3)
    for wrong in (b"", b"[1]", b'["a"]', b"\xff", b"3"):
        arrays["regressor.feature_names"] = np.frombuffer(wrong, np.uint8)
        container.write(path, arrays, metadata, ModelFileError)
        with pytest.raises(ModelFileError, match=r"names"):
            PlasticRegressor.load(path)


def test_versions_and_kinds_that_are_not_read_say_what_to_do(few, tmp_path) -> None:
    paths = {kind: tmp_path / f"{kind.__name__}.safetensors" for kind in KINDS}
    encoder = PlasticEncoder(HEBBIAN, **SMALL, max_iter=0).fit(few[0])
    paths[PlasticEncoder] = tmp_path / "encoder.safetensors"
    encoder.save(paths[PlasticEncoder])
    for kind in KINDS:
        kind(encoder, readout="inputs").fit(*few).save(paths[kind])
    for kind, path in paths.items():
        with pytest.raises(ModelFileError, match=r"format version 99, .* up to \d; upgrade"):
            kind.load(rewritten(path, format_version="99"))
        for other in paths.keys() - {kind}:
            with pytest.raises(ModelFileError, match=rf"; {kind.__name__}\.load reads it"):
                other.load(path)
    newer = rewritten(paths[PlasticRegressor], encoder_version="9")
    words = "its encoder has version '9', but this version of metaplastic reads 2 to 5; upgrade"
    with pytest.raises(ModelFileError, match=words):
        PlasticRegressor.load(newer)
    with pytest.raises(ModelFileError, match=r"its encoder has version 'x', .* 2 to 5$"):
        PlasticRegressor.load(rewritten(newer, encoder_version="x"))
    save_rule(HEBBIAN, tmp_path / "rule.safetensors")
    with pytest.raises(ModelFileError, match=r"; metaplastic\.load_rule reads it"):
        PlasticEncoder.load(tmp_path / "rule.safetensors")
    with pytest.raises(MetaplasticError):
        load_rule(newer)

"""What `layers` and `scale` make of the features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticEncoder
from metaplastic.errors import ConfigError

SMALL = {"rule": HEBBIAN, "hidden_layer_sizes": (16,), "n_components": 8, "random_state": 0}


def encoder(**changes: object) -> PlasticEncoder:
    return PlasticEncoder(**{**SMALL, "max_iter": 5, **changes})


@pytest.fixture(scope="module")
def fitted(digits) -> PlasticEncoder:
    return encoder().fit(digits[0])


def test_all_layers_are_the_inputs_and_each_layer_on_one_footing(fitted, digits) -> None:
    x = digits[0]
    out = fitted.transform(x)
    names = list(fitted.get_feature_names_out())
    assert out.shape == (len(x), 64 + 16 + 8) == (len(x), len(names))
    assert (names[0], names[63], names[64], names[-1]) == (
        "input_x0",
        "input_x63",
        "layer1_0",
        "layer2_7",
    )
    level = out.shape[1] / 3
    for block in np.split(out, [64, 80], axis=1):
        np.testing.assert_allclose(block.mean(axis=0), 0, atol=2e-3)
        assert np.mean(np.sum(np.square(block), axis=1)) == pytest.approx(level, rel=1e-2)
    # the inputs' block is the inputs, by one centre a column and one scale for all
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(out[:, :64], centred * out[:, :64].std() / centred.std(), atol=2e-3)


def test_layers_may_be_chosen_after_fit(fitted, digits) -> None:
    x = digits[0][:50]
    last = clone(fitted).set_params(layers="last").fit(digits[0]).transform(x)
    fitted = encoder().fit(digits[0])
    np.testing.assert_array_equal(fitted.set_params(layers="last").transform(x), last)
    by_number = fitted.set_params(layers=[-1, 0])
    assert by_number.transform(x).shape == (50, 8 + 64)
    assert by_number.get_feature_names_out()[8] == "input_x0"
    for bad in ([3], [-4], [], [0.5], [1, 1], ["last"], "first", 2, None, [True]):
        with pytest.raises(ConfigError, match="layers="):
            fitted.set_params(layers=bad).transform(x)
    with pytest.raises(ValueError, match="layers"):
        encoder(layers="first").fit(digits[0])


def test_units_of_columns_do_not_matter(digits) -> None:
    x = digits[0].astype(np.float64)[:, 2:7]
    units = np.array([1e-6, 1.0, 1e3, 1e9, -50.0])
    a, b = encoder(scale="columns"), encoder()
    plain, scaled = a.fit_transform(x), b.fit_transform(x * units + 3.0 * units)
    assert (a.scale_, b.scale_) == ("columns", "columns")
    signs = np.sign(units)
    np.testing.assert_allclose(scaled[:, :5] * signs, plain[:, :5], atol=1e-3)
    assert encoder().fit(digits[0]).scale_ == "global"


def test_sparse_inputs_have_the_features_of_dense_ones(digits) -> None:
    x = digits[0] * np.logspace(0, 3, 64, dtype=np.float32)
    a, b = encoder().fit(x), encoder().fit(csr_matrix(x))
    assert a.scale_ == b.scale_ == "columns"
    np.testing.assert_allclose(a.transform(x), b.transform(csr_matrix(x)), atol=2e-3)


def test_two_columns_of_different_units_have_a_scale_each() -> None:
    """Nearly all variance is that of one column, whose evenness by (Σ v)² / (d Σ v²) is 1/2."""
    x = np.random.default_rng(0).normal(size=(200, 2))
    for units, scale in (([1, 1], "global"), ([1, 1.5], "global"), ([1, 3], "columns")):
        assert encoder(max_iter=0).fit(x * units).scale_ == scale
    age_and_income = x * [15, 2e4] + [40, 5e4]
    features = encoder(max_iter=0).fit_transform(age_and_income)
    spread = features[:, :2].std(axis=0)
    assert spread[0] == pytest.approx(spread[1], rel=1e-3)
    assert encoder(max_iter=0).fit(x[:, :1]).scale_ == "global"


def test_a_stream_decides_its_scale_before_the_first_inner_step(digits) -> None:
    x = digits[0]
    chunks = encoder(batch_size=64)
    for start in range(0, 640, 4):
        chunks.partial_fit(x[start : start + 4])
    assert chunks.scale_ == "global"
    out = chunks.transform(x)
    # the running average lags behind a network that changes
    assert 0.5 < np.var(out, axis=0).mean() < 2


def test_saved_and_loaded_all_is_as_it_was(fitted, digits, tmp_path) -> None:
    x = digits[0] * np.logspace(0, 3, 64, dtype=np.float32)
    for scale in ("columns", "global"):
        before = encoder(scale=scale, layers=(2, 0)).fit(x)
        before.save(tmp_path / "m.safetensors")
        after = PlasticEncoder.load(tmp_path / "m.safetensors")
        assert (after.scale_, after.layers, after.scale) == (scale, (2, 0), scale)
        np.testing.assert_array_equal(after.transform(x), before.transform(x))
        before.partial_fit(x[:300])
        after.partial_fit(x[:300])
        np.testing.assert_array_equal(after.transform(x), before.transform(x))


def test_another_scale_is_refused_when_learning_goes_on(digits) -> None:
    x = digits[0][:300]
    fitted = encoder(scale="global", warm_start=True).fit(x)
    fitted.set_params(scale="columns")
    for learn in (fitted.fit, fitted.partial_fit):
        with pytest.raises(ConfigError, match="scale='columns', but the network fitted so far has"):
            learn(x)
    assert fitted.set_params(scale="auto").partial_fit(x).scale_ == "global"
    assert fitted.set_params(scale="columns", warm_start=False).fit(x).scale_ == "columns"
    # no step was taken yet, so nothing depends on the scale
    chunks = encoder(scale="global", batch_size=64).partial_fit(x[:9])
    assert chunks.set_params(scale="columns").partial_fit(x[:9]).scale_ == "columns"


def test_invalid_layers_are_refused_before_anything_is_learned(digits) -> None:
    x = digits[0][:300]
    fresh = encoder(layers=[7])
    for learn in (fresh.fit, fresh.partial_fit):
        with pytest.raises(ConfigError, match=r"layers=\[7\]: give 'all'"):
            learn(x)
    assert not hasattr(fresh, "network_")

"""`neighbours`: each row also read averaged over its nearest fitted rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticClassifier, PlasticEncoder, PlasticRegressor
from metaplastic.errors import ConfigError, ModelFileError
from metaplastic.hub import container

SMALL = {
    "rule": HEBBIAN,
    "hidden_layer_sizes": (16,),
    "n_components": 8,
    "max_iter": 5,
    "random_state": 0,
}
K = 4


def encoder(**changes: object) -> PlasticEncoder:
    return PlasticEncoder(**{**SMALL, "neighbours": K, **changes})


@pytest.fixture(scope="module")
def fitted(digits) -> PlasticEncoder:
    return encoder().fit(digits[0][:300])


def averages(rows: np.ndarray, fitted: np.ndarray, k: int) -> np.ndarray:
    """Two lazy rounds, row by row, from the definition."""

    def nearest(row: np.ndarray) -> list[int]:
        distance = np.sqrt(((fitted - row) ** 2).sum(axis=1))
        order = [int(i) for i in np.argsort(distance, kind="stable")]
        if distance[order[0]] == 0:
            order = order[1:]
        return order[:k]

    once = np.array([row / 2 + fitted[nearest(row)].mean(axis=0) / 2 for row in fitted])
    first = np.array([row / 2 + fitted[nearest(row)].mean(axis=0) / 2 for row in rows])
    return np.array(
        [a / 2 + once[nearest(row)].mean(axis=0) / 2 for a, row in zip(first, rows, strict=True)]
    )


@pytest.mark.parametrize("new", [False, True])
def test_the_second_half_reads_averages_with_the_same_network(fitted, digits, new) -> None:
    x = digits[0]
    rows = x[300:340] if new else x[:40]
    plain = encoder(neighbours=0).fit(x[:300])
    out, width = fitted.transform(rows), 64 + 16 + 8
    assert out.shape == (40, 2 * width)
    np.testing.assert_array_equal(out[:, :width], plain.transform(rows))
    averaged = averages(rows, x[:300], K)
    # of the last layer, which is not centred or scaled, to the number
    last = fitted.set_params(layers="last").transform(rows)
    fitted.set_params(layers="all")
    expected = plain.set_params(layers="last").transform(averaged)
    np.testing.assert_allclose(last[:, 8:], expected, atol=2e-4)
    # of the inputs, up to a centre of each column and one gain
    inputs = out[:, width : width + 64]
    centred = averaged - averaged.mean(axis=0)
    inputs = inputs - inputs.mean(axis=0)
    np.testing.assert_allclose(inputs, centred * inputs.std() / centred.std(), atol=2e-3)


def test_the_averages_blocks_have_equal_weight(fitted, digits) -> None:
    out = fitted.transform(digits[0][:300])[:, 88:]
    for block in np.split(out, [64, 80], axis=1):
        np.testing.assert_allclose(block.mean(axis=0), 0, atol=2e-3)
        assert np.mean(np.sum(np.square(block), axis=1)) == pytest.approx(88 / 3, rel=1e-2)


def test_names_and_precision(fitted, digits) -> None:
    names = list(fitted.get_feature_names_out())
    assert names[88:] == [f"averaged_{name}" for name in names[:88]]
    assert names[88] == "averaged_input_x0"
    x = digits[0][:50].astype(np.float64)
    single = fitted.transform(x.astype(np.float32))
    assert (single.dtype, fitted.transform(x).dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single, fitted.transform(x), atol=1e-4)
    np.testing.assert_allclose(fitted.transform(csr_matrix(x)), fitted.transform(x), atol=1e-9)


def test_rows_are_treated_one_by_one(fitted, digits) -> None:
    x = digits[0][300:320]
    whole = fitted.transform(x)
    for row in (0, 7, 19):
        np.testing.assert_allclose(fitted.transform(x[row : row + 1])[0], whole[row], atol=1e-5)


@pytest.mark.parametrize("scale", ["columns", "global"])
def test_more_neighbours_than_rows_and_columns_of_any_unit(scale) -> None:
    x = np.random.default_rng(0).standard_normal((7, 3)) * [1.0, 1e-9, 1e9]
    with pytest.warns(UserWarning, match="saw 7 rows"):
        out = encoder(neighbours=50, scale=scale).fit(x).transform(x)
    assert np.isfinite(out).all()
    with pytest.warns(UserWarning, match="saw 1 rows"):
        assert np.isfinite(encoder(scale=scale).fit(x[:1]).transform(x[:1])).all()


def test_a_file_holds_the_rows_and_the_same_features(fitted, digits, tmp_path) -> None:
    path = tmp_path / "m.safetensors"
    fitted.save(path)
    loaded = PlasticEncoder.load(path)
    x = digits[0][280:330]
    np.testing.assert_array_equal(loaded.transform(x), fitted.transform(x))
    assert loaded.neighbours == K
    contents = container.read(path, 2**30, ModelFileError)
    assert contents.metadata["format_version"] == "4"
    assert contents.arrays["neighbours.rows.0"].shape == (300, 64)
    plain = tmp_path / "plain.safetensors"
    encoder(neighbours=0).fit(digits[0]).save(plain)
    contents = container.read(plain, 2**30, ModelFileError)
    assert contents.metadata["format_version"] == "2"  # as before there were neighbours
    assert "neighbours" not in contents.metadata["encoder"]
    assert not any(name.startswith("neighbours") for name in contents.arrays)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("rows.0", None),
        ("rows.1", None),
        ("rows.0", np.zeros((0, 64), np.float32)),
        ("rows.0", np.zeros((300, 63), np.float32)),
        ("rows.1", np.zeros((299, 64), np.float32)),
        ("rows.1", np.full((300, 64), np.nan, np.float32)),
        ("mean.1", None),
        ("variance.0", np.full(64, -1.0, np.float32)),
        ("extra", np.zeros(1, np.float32)),
    ],
)
def test_damage_is_one_line(fitted, tmp_path, name, array) -> None:
    path = tmp_path / "m.safetensors"
    fitted.save(path)
    contents = container.read(path, 2**30, ModelFileError)
    arrays = dict(contents.arrays)
    if array is None:
        del arrays[f"neighbours.{name}"]
    else:
        arrays[f"neighbours.{name}"] = array
    container.write(path, arrays, dict(contents.metadata), ModelFileError)
    with pytest.raises(ModelFileError, match=r"m\.safetensors"):
        PlasticEncoder.load(path)


def test_what_needs_no_rows_refuses(fitted, digits) -> None:
    with pytest.raises(ConfigError, match=r"neighbours=4 needs all rows at once"):
        encoder().partial_fit(digits[0])
    with pytest.raises(ValueError, match="neighbours"):
        encoder(neighbours=-1).fit(digits[0])
    pytest.importorskip("onnx")
    from metaplastic.export.onnx import to_onnx

    with pytest.raises(ConfigError, match="cannot be exported"):
        to_onnx(fitted)


def test_an_encoder_fitted_again_without_neighbours_has_none(digits) -> None:
    again = encoder().fit(digits[0]).set_params(neighbours=0).fit(digits[0])
    assert again.transform(digits[0][:3]).shape == (3, 88)
    # a stream changes the network, which the averages would then not be read by
    stream = encoder().fit(digits[0]).set_params(neighbours=0).partial_fit(digits[0])
    assert stream.transform(digits[0][:3]).shape == (3, 88)


@pytest.mark.parametrize("kind", [PlasticClassifier, PlasticRegressor])
def test_classifier_and_regressor_read_both(kind, digits, tmp_path) -> None:
    x, y = digits
    y = y.astype(float)
    y[60:] = -1 if kind is PlasticClassifier else np.nan
    estimator = kind(encoder()).fit(x, y)
    widths = {name: len(r.coefficients) for name, r in estimator.readouts_.items()}
    assert widths == {"features": 176, "inputs": 64}
    # a readout of the inputs alone needs no neighbours, so its file holds no row
    assert kind(encoder(), readout="inputs").fit(x, y).encoder_.transform(x[:2]).shape == (2, 88)
    path = tmp_path / "m.safetensors"
    estimator.save(path)
    np.testing.assert_array_equal(kind.load(path).predict(x), estimator.predict(x))

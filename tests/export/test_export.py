"""Exported forward passes against `transform`, for every activation."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from tests.encoder.conftest import HEBBIAN
from tests.encoder.test_base_models import SPECS

from metaplastic import PlasticEncoder
from metaplastic.base_model import ACTIVATIONS
from metaplastic.errors import MissingExtraError, ModelFileError
from metaplastic.export import to_onnx, to_torch


def fitted(activation: str, x: np.ndarray, **changes: object) -> PlasticEncoder:
    parameters = {"activation": activation, "max_iter": 0, "layers": "last", "random_state": 0}
    return PlasticEncoder(HEBBIAN, (16, 12), 8, **{**parameters, **changes}).fit(x)


def agree(got: np.ndarray, expected: np.ndarray, activation: str) -> None:
    assert got.dtype == np.float32
    if activation == "step":  # a pre-activation at zero may fall on either side
        assert np.mean(got != expected) < 1e-3
    else:
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 3e4])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx_gives_the_same_features(activation: str, offset: float, digits, tmp_path) -> None:
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    x = digits[0] + np.float32(offset)
    encoder = fitted(activation, x)
    to_onnx(encoder, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    for rows in (x, x[:1]):
        (got,) = session.run(["features"], {"X": rows})
        agree(got, encoder.transform(rows), activation)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("offset", [0.0, 3e4])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_torch_gives_the_same_features(activation: str, offset: float, digits) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    x = digits[0] + np.float32(offset)
    encoder = fitted(activation, x)
    module = to_torch(encoder)
    other = to_torch(fitted(activation, x, random_state=1))
    other.load_state_dict(module.state_dict())
    with torch.no_grad():
        for version in (module, torch.jit.script(module), other):
            for rows in (x, x[:1]):
                agree(version(torch.from_numpy(rows)).numpy(), encoder.transform(rows), activation)
        wider = module.double()(torch.from_numpy(x.astype(np.float64))).numpy()
        agree(wider.astype(np.float32), encoder.transform(x), activation)


def test_the_torch_module_can_be_trained_and_its_layers_are_torchs_own(digits) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    module = to_torch(fitted("relu", digits[0]))
    assert all(type(part).__module__.startswith("torch.nn") for part in list(module)[1:])
    features = module(torch.from_numpy(digits[0]))
    features.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("scale", ["columns", "global"])
@pytest.mark.parametrize("layers", ["all", "last", [2, 0], [1]])
def test_layers_and_columns_of_any_scale(layers: object, scale: str, tmp_path) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    plain = np.random.default_rng(0).normal(size=(120, 6))
    plain[3, 2] = 40.0  # beyond the limit of a column
    units = [1, 1e3, 1e-3, 1, 1e6, 1] if scale == "columns" else [1] * 6
    means = [0, 0, 0, 1e3, 0, 1] if scale == "columns" else [0.5] * 6
    for wide in (False, True):
        x = plain * units + means
        if wide:
            x = x * ([1e-50, 1, 1e200, 1, 1, 1e-300] if scale == "columns" else 1e200)
        encoder = fitted("relu", x, layers=layers, scale=scale)
        expected = encoder.transform(x)
        module = to_torch(encoder)
        with torch.no_grad():
            for version in (module, torch.jit.script(module)):
                got = version(torch.from_numpy(x)).numpy()
                np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
        session = runtime.InferenceSession(
            to_onnx(encoder).SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (given,) = session.get_inputs()
        rows = x if given.type == "tensor(double)" else x.astype(np.float32)
        (got,) = session.run(["features"], {"X": rows})
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-3)
        assert session.get_outputs()[0].shape[1] == expected.shape[1]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("layers", ["all", "last", [0], [1, 0]])
@pytest.mark.parametrize("name", SPECS)
def test_every_topology(name: str, layers: object, digits) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    x = digits[0][:200]
    model = {"model": SPECS[name], "max_iter": 0, "random_state": 0}
    encoder = PlasticEncoder(HEBBIAN, layers=layers, **model).fit(x)
    expected = encoder.transform(x)
    session = runtime.InferenceSession(
        to_onnx(encoder).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    module = to_torch(encoder)
    for rows, wanted in ((x, expected), (x[:1], expected[:1])):
        (got,) = session.run(["features"], {"X": rows})
        np.testing.assert_allclose(got, wanted, atol=1e-4)
        with torch.no_grad():
            for version in (module, torch.jit.script(module)):
                got = version(torch.from_numpy(rows)).numpy()
                np.testing.assert_allclose(got, wanted, atol=1e-4)
    assert session.get_outputs()[0].shape[1] == expected.shape[1]
    if layers != [0]:  # standardised inputs alone have no weights
        module.train()(torch.from_numpy(x)).sum().backward()
        assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("offset", [0.0, 3e4])
def test_maps_of_columns_in_units_of_their_own(offset: float, digits) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    x = (digits[0] * np.logspace(0, 3, 64) + offset).astype(np.float32)
    model = {"model": SPECS["pooled maps"], "max_iter": 0, "random_state": 0}
    encoder = PlasticEncoder(HEBBIAN, scale="columns", **model).fit(x)
    expected = encoder.transform(x)
    session = runtime.InferenceSession(
        to_onnx(encoder).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (got,) = session.run(["features"], {"X": x})
    np.testing.assert_allclose(got, expected, atol=1e-4)
    with torch.no_grad():
        got = to_torch(encoder)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize(("package", "export"), [("onnx", to_onnx), ("torch", to_torch)])
def test_a_missing_extra_is_named(package: str, export, digits, monkeypatch) -> None:
    encoder = fitted("relu", digits[0])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"metaplastic\[{package}\]"):
        export(encoder)


def test_what_cannot_be_exported(digits, tmp_path) -> None:
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    with pytest.raises(NotFittedError):
        to_onnx(PlasticEncoder(HEBBIAN))
    with pytest.raises(ModelFileError, match="cannot be written"):
        to_onnx(fitted("relu", digits[0]), tmp_path / "no" / "m.onnx")

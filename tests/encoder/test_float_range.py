"""Inputs of any scale that float64 holds: the same features, here and exported."""

from __future__ import annotations

from math import ldexp

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticEncoder
from metaplastic.encoder.fitting import fitted_network
from metaplastic.encoder.float_range import exponent_of, reduced
from metaplastic.encoder.moments import Moments, column_moments, take_rows
from metaplastic.encoder.scale import InputScale, scale_of
from metaplastic.export import to_onnx, to_torch

pytestmark = pytest.mark.filterwarnings("ignore:PlasticEncoder.fit saw:UserWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) * (RNG.random((60, 5)) < 0.5)  # float64's largest is 2^1024

# float64's smallest normal number is 2^-1022
POWERS = st.integers(-1000, 1020)


def fitted(x: object) -> PlasticEncoder:
    return PlasticEncoder(HEBBIAN, (16,), 8, max_iter=2, **ONE_SCALE).fit(x)


ONE_SCALE = {"layers": "last", "scale": "global", "random_state": 0}
EXPECTED = None


def expected() -> np.ndarray:
    global EXPECTED
    if EXPECTED is None:
        EXPECTED = fitted(X).transform(X)
    return EXPECTED


@settings(max_examples=15, deadline=None)
@given(power=POWERS)
@example(power=-1000)
@example(power=1020)
@example(power=-127)  # below what float32 holds
def test_a_power_of_two_changes_no_feature(power: int) -> None:
    x = np.ldexp(X, power)
    for rows in (x, csr_matrix(x)):
        encoder = fitted(rows)
        assert encoder.network_.scale.std == pytest.approx(np.ldexp(X.std(), power), rel=1e-12)
        np.testing.assert_allclose(encoder.transform(rows), expected(), atol=1e-5)


@pytest.mark.parametrize("offset", [-1e30, 3e200, -1.7e308])
def test_a_mean_far_beyond_the_spread(offset: float) -> None:
    x = X * (abs(offset) * 1e-3) + offset * 0.99
    np.testing.assert_allclose(fitted(x).transform(x), fitted(X).transform(X), atol=1e-3)


@pytest.mark.parametrize("power", [-149, -130, -100, 100, 120])
def test_float32_inputs_near_the_ends_of_their_range(power: int) -> None:
    x = np.ldexp(np.round(X * 16), power).astype(np.float32)
    got = fitted(x).transform(x)
    assert got.dtype == np.float32
    like = np.round(X * 16)
    np.testing.assert_allclose(got, fitted(like).transform(like), atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 1e-320, 3e38, 1e200, -1.7e308])
def test_constants_of_any_size(value: float) -> None:
    x = np.full((60, 5), value)
    encoder = fitted(x)
    features = encoder.transform(x)
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features, features[:1].repeat(60, axis=0))


def test_chunks_of_very_different_sizes() -> None:
    encoder = PlasticEncoder(HEBBIAN, (16,), 8, batch_size=60, **ONE_SCALE)
    for power in (-900, 0, 900):
        encoder.partial_fit(np.ldexp(X, power))
    both = np.concatenate([np.zeros_like(X), np.zeros_like(X), X])
    scale = encoder.network_.scale
    assert scale.std == pytest.approx(np.ldexp(both.std(), 900), rel=1e-12)
    assert scale.mean == pytest.approx(np.ldexp(both.mean(), 900), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    ours=st.tuples(POWERS, st.floats(-1, 1), st.floats(0, 1)),
    theirs=st.tuples(POWERS, st.floats(-1, 1), st.floats(0, 1)),
)
def test_moments_merge_without_overflow(
    ours: tuple[int, float, float], theirs: tuple[int, float, float]
) -> None:
    one, other = (Moments(3, ldexp(mean, k), ldexp(std, k)) for k, mean, std in (ours, theirs))
    merged = one.merge(other)
    assert np.isfinite([merged.mean, merged.std]).all()
    assert merged.count == 6
    # a mixture spreads at least as half of its parts do
    assert merged.std >= 0.7 * max(one.std, other.std) * (1 - 1e-9)
    assert merged.mean == pytest.approx(one.mean / 2 + other.mean / 2)


def test_all_of_float64s_range_at_once() -> None:
    x = np.array([[1.7e308, -1.7e308], [1e-300, 0.0]])
    moments = column_moments(x).pooled()
    assert moments.std == pytest.approx(1.7e308 / 2**0.5)
    np.testing.assert_allclose(
        take_rows(x, slice(None), scale_of(moments)), [[2**0.5, -(2**0.5)], [0, 0]], atol=1e-6
    )


def test_an_ordinary_scale_is_left_alone() -> None:
    scale = InputScale(1e12, 1e-15)
    assert exponent_of(scale) == 0
    assert reduced(scale) is scale


def test_rows_too_far_from_those_fitted_are_refused() -> None:
    encoder = fitted(np.ldexp(X, -40))
    far = np.ldexp(X, -40).astype(np.float32)
    far[7, 2] = 3e38
    with pytest.raises(ValueError, match=r"row 7 of X is so far"), np.errstate(all="ignore"):
        encoder.transform(far)
    far[7, 2] = 1e5
    assert np.isfinite(encoder.transform(far)).all()


@pytest.mark.parametrize("kind", ["bool", "i1", "u2", "f2", "i4", "i8", "u8"])
@pytest.mark.parametrize("sparse", [False, True])
def test_every_kind_of_number_is_read_in_blocks(kind: str, sparse: bool) -> None:
    x = (np.abs(X) * 2).astype(kind)
    dtype = np.result_type(kind, "f4")
    rows = csr_matrix(x) if sparse and kind != "f2" else x  # SciPy has no half precision
    encoder = fitted(rows)
    features = encoder.transform(rows)
    assert features.dtype == dtype
    np.testing.assert_allclose(features, encoder.transform(x.astype(dtype)), atol=1e-5)
    np.testing.assert_allclose(features, fitted(x.astype(dtype)).transform(x), atol=1e-5)


def test_bytes_are_never_copied_whole(tmp_path, monkeypatch) -> None:
    np.save(tmp_path / "x.npy", RNG.integers(0, 256, (30_000, 40), dtype=np.uint8))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    import tracemalloc

    fitted(mapped[:300])  # compiled
    tracemalloc.start()
    try:
        encoder = fitted(mapped).partial_fit(mapped[:20_000])
        features = encoder.transform(mapped)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    as_float32 = 4 * mapped.nbytes
    assert peak - features.nbytes < as_float32
    assert features.dtype == np.float32


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("scale", [1e-300, 1e-39, 1.0, 1e39, 1e300])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_exports_are_right_at_any_scale(scale: float, offset: float) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    x = (X + offset) * scale
    encoder = fitted(x)
    expected = encoder.transform(x)
    module = to_torch(encoder)
    with torch.no_grad():
        for version in (module, torch.jit.script(module)):
            np.testing.assert_allclose(version(torch.from_numpy(x)).numpy(), expected, atol=1e-5)
    session = runtime.InferenceSession(
        to_onnx(encoder).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = session.get_inputs()[0].type
    assert given == ("tensor(float)" if scale == 1.0 else "tensor(double)")
    rows = x.astype(np.float32) if scale == 1.0 else x
    (got,) = session.run(["features"], {"X": rows})
    tolerance = 0.05 if scale == 1.0 and offset else 1e-5  # of float32 inputs, not of the graph
    np.testing.assert_allclose(got, expected, atol=tolerance)


def test_sparse_rows_of_a_wide_scale_stay_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    x = csr_matrix(np.ldexp(X, 500))
    encoder = fitted(x)
    monkeypatch.setattr(csr_matrix, "toarray", lambda *_: pytest.fail("made dense"))
    encoder.transform(x)
    fitted_network(encoder.phi_, x, encoder.network_.scale)

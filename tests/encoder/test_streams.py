"""`partial_fit`: chunks of any size learn alike, rows wait for their minibatch, streams go on."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from tests.encoder.conftest import HEBBIAN, RULE

from metaplastic import PlasticEncoder
from metaplastic.encoder import inner_loop
from metaplastic.encoder.buffer import Chunk

SMALL = {
    "hidden_layer_sizes": (16,),
    "n_components": 8,
    "layers": "last",
    "scale": "global",
    "random_state": 0,
}
# a test of the warning itself says so
pytestmark = pytest.mark.filterwarnings("ignore:these are a random:UserWarning")


def stream(x: np.ndarray, chunk: int, **changes: object) -> PlasticEncoder:
    encoder = PlasticEncoder(**{"rule": HEBBIAN, **SMALL, **changes})
    for start in range(0, len(x), chunk):
        encoder.partial_fit(x[start : start + chunk])
    return encoder


def accuracy(encoder: PlasticEncoder, digits: tuple[np.ndarray, np.ndarray]) -> float:
    x, y = digits
    features = encoder.transform(x)
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    readout = LogisticRegression(max_iter=300).fit(features[:200], y[:200])
    return readout.score(features[200:], y[200:])


@pytest.mark.slow
@pytest.mark.skipif(RULE is HEBBIAN, reason="there is no shipped rule")
def test_chunks_of_four_rows_are_as_good_as_large_ones(digits) -> None:
    x = digits[0]
    sizes = {"rule": "default", "hidden_layer_sizes": (128, 128), "n_components": 32}
    tiny = accuracy(stream(x, 4, batch_size=64, **sizes), digits)
    large = accuracy(stream(x, 64, batch_size=64, **sizes), digits)
    random = accuracy(PlasticEncoder(**{**SMALL, **sizes}, max_iter=0).fit(x), digits)
    assert tiny > large - 0.03
    assert tiny > random + 0.08


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 199), max_size=12), sparse=st.booleans())
def test_every_row_is_used_once_or_waits(cuts: list[int], sparse: bool) -> None:
    x = np.arange(200.0)[:, None]
    waiting, used = None, []
    for part in np.split(x, sorted(set(cuts))):
        rows = csr_matrix(part) if sparse else part
        chunk = Chunk(waiting, rows, 32, np.random.default_rng(0))
        batches = [
            b.toarray() if sparse and hasattr(b, "toarray") else b for b in chunk.minibatches()
        ]
        assert all(batch.shape == (32, 1) for batch in batches)
        used += [*batches]
        waiting = chunk.left()
        assert waiting is None or len(waiting) < 32
    remaining = np.empty((0, 1)) if waiting is None else waiting
    assert sorted(np.concatenate([*used, remaining]).ravel()) == list(range(200))


def test_inner_steps_are_counted_by_rows_not_by_chunks(digits) -> None:
    x = digits[0][:300]
    for chunk in (1, 7, 64, 300):
        encoder = stream(x, chunk, batch_size=64)
        assert (encoder.n_iter_, encoder.n_rows_waiting_) == (4, 44)
        scale = encoder.network_.scale
        # of all rows up to the last full minibatch's chunk
        np.testing.assert_allclose([scale.mean, scale.std], [x.mean(), x.std()], rtol=0.05)
        assert 0.05 < encoder.transform(x).std() < 20


def test_before_the_first_minibatch_it_is_the_random_network_and_says_so(digits) -> None:
    x = digits[0][:40]
    encoder = stream(x, 8, batch_size=64)
    assert encoder.n_iter_ == 0
    with pytest.warns(UserWarning, match="40 rows given to partial_fit do not fill"):
        features = encoder.transform(x)
    np.testing.assert_allclose(
        features, PlasticEncoder(HEBBIAN, **SMALL, max_iter=0).fit_transform(x), atol=1e-4
    )
    encoder.partial_fit(x)
    assert (encoder.n_iter_, encoder.n_rows_waiting_) == (1, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.transform(x)


def test_a_small_chunk_after_fit_keeps_the_fitted_network(digits) -> None:
    x = digits[0]
    for steps in (0, 5):
        encoder = PlasticEncoder(HEBBIAN, **SMALL, max_iter=steps).fit(x)
        before = encoder.transform(x)
        encoder.partial_fit(x[:3])
        np.testing.assert_array_equal(encoder.transform(x), before)
        assert encoder.n_rows_waiting_ == 3
        assert encoder.fit(x).n_rows_waiting_ == 0


def test_a_chunk_that_is_refused_leaves_the_waiting_rows(digits) -> None:
    x = digits[0][:40].copy()
    encoder = stream(x, 40, batch_size=64)
    x[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        encoder.partial_fit(x)
    assert encoder.n_rows_waiting_ == 40


def test_waiting_rows_of_many_kinds(digits) -> None:
    x = np.round(digits[0][:96])
    mixed = PlasticEncoder(HEBBIAN, **SMALL, batch_size=64)
    for part in (x[:20].astype(np.uint8), csr_matrix(x[20:50]), x[50:96].astype(np.float64)):
        mixed.partial_fit(part)
    plain = PlasticEncoder(HEBBIAN, **SMALL, batch_size=64)
    for part in (x[:20], x[20:50], x[50:96]):
        plain.partial_fit(part)
    assert mixed.n_rows_waiting_ == plain.n_rows_waiting_ == 32
    np.testing.assert_allclose(mixed.transform(x), plain.transform(x), atol=1e-5)


def test_files_hold_no_rows_and_pickles_do(digits, tmp_path) -> None:
    x = digits[0]
    encoder = stream(x[:100], 100, batch_size=64)
    with pytest.warns(UserWarning, match="36 rows given to partial_fit wait"):
        encoder.save(tmp_path / "m.safetensors")
    assert PlasticEncoder.load(tmp_path / "m.safetensors").n_rows_waiting_ == 0
    again = pickle.loads(pickle.dumps(encoder))
    assert again.n_rows_waiting_ == 36
    np.testing.assert_array_equal(
        again.partial_fit(x[100:130]).transform(x), encoder.partial_fit(x[100:130]).transform(x)
    )


def test_a_long_stream_goes_on_learning_with_a_max_age(digits) -> None:
    """How far the last of 801 steps moves the receptive fields."""
    x = digits[0]

    def last_step(max_age: int | None) -> float:
        encoder = PlasticEncoder(
            HEBBIAN, **SMALL, max_iter=800, batch_size=16, max_age=max_age, warm_start=True
        ).fit(x)
        before = encoder.phi_.weights[0]
        encoder.set_params(max_iter=1).fit(x)
        assert encoder.n_iter_ == 801
        return float(np.linalg.norm(encoder.phi_.weights[0] - before, axis=0).mean())

    forever, held = last_step(None), last_step(40)
    # the inner step, 0.1 / (1 + age / 40), bounds it: 0.05 at 40, 0.0048 at 800
    assert 0.02 < held < 0.055
    assert forever < 0.005


def test_a_max_age_that_is_not_reached_changes_nothing(digits) -> None:
    x = digits[0]
    plain = PlasticEncoder(HEBBIAN, **SMALL, max_iter=5).fit(x)
    limited = PlasticEncoder(HEBBIAN, **SMALL, max_iter=5, max_age=5).fit(x)
    np.testing.assert_array_equal(plain.transform(x), limited.transform(x))


def test_smaller_minibatches_of_wide_rows_are_told_of_once(monkeypatch, caplog, digits) -> None:
    x = digits[0][:40]
    monkeypatch.setattr(inner_loop, "MINIBATCH_NUMBERS", 64 * 64)
    encoder = PlasticEncoder(HEBBIAN, **SMALL, batch_size=100)
    with pytest.warns(UserWarning, match="have 64 rows, not batch_size=100: .* 4,096") as caught:
        encoder.partial_fit(x)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match="do not fill a minibatch of 64 rows yet"):
        encoder.transform(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert encoder.partial_fit(x).n_rows_waiting_ == 16
    # the default is not the user's: it is logged
    with caplog.at_level("INFO", "metaplastic"):
        PlasticEncoder(HEBBIAN, **SMALL).partial_fit(x)
    assert "minibatches have 64 rows, not batch_size=256" in caplog.text
    monkeypatch.setattr(inner_loop, "MINIBATCH_NUMBERS", 64)
    with pytest.warns(UserWarning, match="have 16 rows, not batch_size=20") as caught:
        PlasticEncoder(HEBBIAN, **SMALL, batch_size=20, max_iter=1).fit(digits[0])
    assert len(caught) == 1

"""What `PlasticEncoder` promises beyond scikit-learn's interface."""

from __future__ import annotations

import logging
import pickle
from contextlib import contextmanager

import jax
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse import random as sparse_random
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticEncoder, save_rule
from metaplastic.encoder import learning
from metaplastic.errors import ConfigError, RuleFileError
from metaplastic.rules import make_rule

SMALL = {
    "rule": HEBBIAN,
    "hidden_layer_sizes": (16,),
    "n_components": 8,
    "layers": "last",
    "random_state": 0,
}


def encoder(**changes: object) -> PlasticEncoder:
    return PlasticEncoder(**{**SMALL, "max_iter": 10, **changes})


@contextmanager
def counted_compilations():
    """Names of the programs that JAX compiles inside."""
    names: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("Compiling "):
                names.append(record.getMessage().split()[1])

    handler = Collect()
    logger = logging.getLogger("jax")
    logger.addHandler(handler)
    try:
        with jax.log_compiles():
            yield names
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("name", ["hebbian", "local"])
def test_a_second_fit_of_the_same_shapes_compiles_nothing(name: str, digits) -> None:
    x, y = digits
    sizes = {"hidden_layer_sizes": (24,), "n_components": 9}
    with counted_compilations() as first:
        encoder(rule=make_rule(name, jax.random.key(0)), **sizes).fit(x[:500])
    assert first
    with counted_compilations() as again:
        # other data, as many rows or more, another seed and another θ
        encoder(rule=make_rule(name, jax.random.key(1)), random_state=5, **sizes).fit(
            x[500:1200] * 3, eval_set=(x[1200:], y[1200:])
        )
    assert again == []


def test_a_row_has_the_same_features_alone_as_among_others(digits) -> None:
    x = digits[0]
    fitted = encoder().fit(x)
    together = fitted.transform(x)
    alone = np.concatenate([fitted.transform(x[i : i + 1]) for i in range(50)])
    np.testing.assert_allclose(alone, together[:50], rtol=1e-5, atol=1e-5)


def test_the_same_seed_gives_the_same_features_to_the_bit(digits) -> None:
    x = digits[0]
    a, b, other = (encoder(random_state=seed).fit(x).transform(x) for seed in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, other)


def test_scale_and_offset_of_the_inputs_are_taken_away(digits) -> None:
    x = digits[0].astype(np.float64)
    a = encoder().fit_transform(x)
    b = encoder().fit_transform(x * 1000.0 - 7.0)
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_no_inner_step_is_the_random_network(digits) -> None:
    fitted = encoder(max_iter=0).fit(digits[0])
    assert fitted.n_iter_ == 0
    norms = [np.linalg.norm(w, axis=0) for w in fitted.phi_.weights]
    for norm in norms:
        np.testing.assert_allclose(norm, 1.0, rtol=1e-5)
    assert not any(np.any(b) for b in fitted.phi_.biases)


def test_inner_steps_are_counted_and_change_the_network(digits) -> None:
    start, end = encoder(max_iter=0).fit(digits[0]), encoder(max_iter=7).fit(digits[0])
    assert end.n_iter_ == 7
    assert not np.allclose(start.phi_.weights[0], end.phi_.weights[0])


def test_warm_start_and_partial_fit_go_on(digits) -> None:
    x = digits[0]
    warm = encoder(warm_start=True).fit(x)
    first = warm.phi_.weights[0]
    warm.fit(x)
    assert warm.n_iter_ == 20
    assert not np.allclose(first, warm.phi_.weights[0])
    with pytest.raises(ConfigError, match="warm_start=False"):
        warm.set_params(n_components=5).fit(x)

    chunks = encoder(batch_size=64)
    for start in range(0, 1500, 300):
        chunks.partial_fit(x[start : start + 300])
    assert (chunks.n_iter_, chunks.n_rows_waiting_) == (23, 28)  # minibatches of 64 rows
    scale = chunks.network_.scale
    np.testing.assert_allclose([scale.mean, scale.std], [x[:1500].mean(), x[:1500].std()], 1e-5)
    features = chunks.transform(x)
    assert np.isfinite(features).all()
    assert 0.05 < features.std() < 20


def test_score_curve_and_early_stopping(digits) -> None:
    x, y = digits
    fitted = encoder(max_iter=40).fit(x[:1000], eval_set=(x[1000:], y[1000:]))
    steps, scores = fitted.score_curve_.T
    np.testing.assert_array_equal(steps, np.arange(0, 41, 2))
    assert scores.max() > scores[0] + 0.05
    assert encoder().fit(x).score_curve_.shape == (0, 2)

    stopped = encoder(max_iter=4000, early_stopping=True, n_iter_no_change=2)
    stopped.fit(x[:1000], eval_set=(x[1000:], y[1000:]))
    steps, scores = stopped.score_curve_.T
    assert stopped.n_iter_ == steps[scores.argmax()]
    assert steps[-1] < 4000
    with pytest.raises(ConfigError, match="eval_set"):
        encoder(early_stopping=True).fit(x)


def test_an_eval_set_may_hold_names_or_numbers(digits) -> None:
    x, y = digits
    words = np.array(["even", "odd"])[y % 2]
    curve = encoder().fit(x, eval_set=(x, words)).score_curve_
    assert 0.6 < curve[-1, 1] <= 1.0
    curve = encoder().fit(x, eval_set=(x, x[:, :3] + 0.5)).score_curve_
    assert curve[-1, 1] < 1.0
    with pytest.raises(ValueError, match="inconsistent"):
        encoder().fit(x, eval_set=(x, y[:-1]))


def test_labels_given_as_y_change_nothing(digits) -> None:
    x, y = digits
    a, b = encoder().fit(x).transform(x), encoder().fit(x, y).transform(x)
    np.testing.assert_array_equal(a, b)


def test_an_interrupt_leaves_the_encoder_as_it_was(digits, monkeypatch) -> None:
    x = digits[0]
    fitted = encoder().fit(x)
    before = fitted.transform(x)
    calls = iter(range(100))

    def interrupted(*args):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return original(*args)

    original = learning.take_rows
    monkeypatch.setattr(learning, "take_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(x[:, :30])
    monkeypatch.undo()
    np.testing.assert_array_equal(fitted.transform(x), before)
    assert fitted.n_features_in_ == 64
    assert not hasattr(encoder(), "network_")


@pytest.mark.parametrize("rows", [1, 2, 50, 200])
@pytest.mark.parametrize("columns", [1, 300])
def test_small_and_narrow_and_wide_data(rows: int, columns: int) -> None:
    x = np.random.default_rng(0).normal(size=(rows, columns))
    features = encoder(max_iter=3).fit_transform(x)
    assert features.shape == (rows, 8)
    assert np.isfinite(features).all()


def test_constant_columns_and_constant_data() -> None:
    x = np.random.default_rng(0).normal(size=(60, 5))
    x[:, 2] = 4.0
    assert np.isfinite(encoder().fit_transform(x)).all()
    assert np.isfinite(encoder().fit_transform(np.full((60, 5), 3.0))).all()


def test_sparse_rows_are_never_made_dense_as_a_whole(monkeypatch) -> None:
    x = csr_matrix(sparse_random(3000, 2000, 0.01, format="csr", random_state=0, dtype=np.float32))
    largest = 0
    original = csr_matrix.toarray

    def watched(self, *args, **kwargs):
        nonlocal largest
        largest = max(largest, self.shape[0])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(csr_matrix, "toarray", watched)
    fitted = encoder(max_iter=3).fit(x)
    sparse = fitted.transform(x)
    assert 0 < largest <= 2048
    monkeypatch.undo()
    np.testing.assert_allclose(sparse, fitted.transform(x.toarray()), atol=1e-4)


def test_memory_maps_are_streamed(tmp_path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(20_000, 20)).astype(np.float32))
    mapped = np.load(path, mmap_mode="r")
    fitted = encoder(max_iter=3).fit(mapped)
    np.testing.assert_array_equal(fitted.transform(mapped), fitted.transform(np.array(mapped)))


def test_small_integers_become_float32() -> None:
    x = np.random.default_rng(0).integers(0, 256, (100, 9)).astype(np.uint8)
    assert encoder().fit_transform(x).dtype == np.float32
    assert encoder().fit_transform(x.astype(np.int64)).dtype == np.float64


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_get_scikit_learns_error(bad: float) -> None:
    x = np.ones((20, 3))
    x[4, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        encoder().fit(x)


def test_rules_by_name_path_and_object(tmp_path, digits) -> None:
    x = digits[0]
    path = tmp_path / "rule.safetensors"
    save_rule(HEBBIAN, path)
    expected = encoder().fit_transform(x)
    for rule in (path, str(path)):
        np.testing.assert_array_equal(encoder(rule=rule).fit_transform(x), expected)
    with pytest.raises(RuleFileError, match="no rule named"):
        encoder(rule="no_such_rule").fit(x)
    separate = make_rule("local", jax.random.key(0), backward="separate")
    fitted = encoder(rule=separate, max_iter=2).fit(x)
    assert len(fitted.phi_.backward) == 2


def test_pickle_by_the_user_works(digits) -> None:
    x = digits[0]
    fitted = encoder().fit(x)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(x), fitted.transform(x))
    again.partial_fit(x)


def test_progress_is_printed(digits, capsys) -> None:
    x, y = digits
    encoder(verbose=1, max_iter=2).fit(x, eval_set=(x, y))
    said = capsys.readouterr().out
    assert "metaplastic: compiling the inner step" in said
    assert "metaplastic: inner step 2, score" in said
    encoder().fit(x)
    assert capsys.readouterr().out == ""


def test_what_is_logged_is_shown_once(digits, caplog, capsys) -> None:
    with caplog.at_level(logging.INFO, "metaplastic"):
        encoder(verbose=1, max_iter=2).fit(digits[0])
    reports = [record.progress for record in caplog.records if hasattr(record, "progress")]
    assert {"what": "learning features", "done": 1, "total": 2, "unit": "inner steps"} in [
        {key: report[key] for key in ("what", "done", "total", "unit")} for report in reports
    ]
    assert capsys.readouterr().out == ""

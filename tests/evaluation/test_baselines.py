"""Our own baselines against independent implementations, and against the random network."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from metaplastic.base_model import features, initialise, population_statistics
from metaplastic.errors import ConfigError, MissingExtraError
from metaplastic.evaluation import FewShotConfig
from metaplastic.evaluation.baselines import (
    BASELINES,
    make_baseline,
)
from metaplastic.evaluation.baselines.kmeans import triangle
from metaplastic.evaluation.baselines.supervised import Supervised, _initial, _validate
from metaplastic.evaluation.baselines.whitening import Whitening
from metaplastic.evaluation.few_shot import baseline_accuracies
from metaplastic.evaluation.problem import load_problem
from metaplastic.evaluation.trials import make_trials
from metaplastic.readout import logistic

CONFIG = FewShotConfig(seeds=2, hidden=(16,), n_features=8)


@pytest.fixture(scope="module")
def digits():
    return load_problem("digits")


def test_a_baseline_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(BASELINES["umap"], "requires", ("no_such_module", "umap-learn", "umap"))
    with pytest.raises(MissingExtraError, match=r"metaplastic\[umap\]"):
        make_baseline("umap")


def test_strong_baselines_beat_the_random_network(digits):
    random = baseline_accuracies(make_baseline("random"), digits, CONFIG).mean()
    for name, chosen in (
        ("kmeans", {}),
        ("pca", {}),
        ("supervised", {"learning_rate": 0.01}),
        ("neighbour-mean", {}),
        ("spectral", {}),
        ("label-spreading", {}),
        ("random-forest", {"trees": 50}),
    ):
        result = baseline_accuracies(make_baseline(name, **chosen), digits, CONFIG).mean()
        assert result > random + 0.1, name


def test_an_unknown_baseline_is_named():
    with pytest.raises(ConfigError, match="kmeans"):
        make_baseline("kmeens")


def test_triangle_features_by_hand():
    rng = np.random.default_rng(0)
    rows, centroids = rng.standard_normal((6, 5)), rng.standard_normal((3, 5))
    expected = np.zeros((6, 3))
    for i in range(6):
        distance = [sum((rows[i, d] - c[d]) ** 2 for d in range(5)) ** 0.5 for c in centroids]
        mean = sum(distance) / 3
        for k in range(3):
            expected[i, k] = max(0.0, mean - distance[k])
    np.testing.assert_allclose(triangle(rows, centroids), expected, rtol=1e-9, atol=1e-12)
    assert (expected == 0).any()
    assert (expected > 0).any()


def test_whitening_decorrelates():
    rng = np.random.default_rng(1)
    rows = (rng.standard_normal((4000, 4)) @ rng.standard_normal((4, 4)) + 2).astype(np.float32)
    whiten = Whitening.fit(rows, 1e-6)
    assert whiten.matrix is not None
    np.testing.assert_allclose(np.cov(whiten(rows), rowvar=False), np.eye(4), atol=5e-3)
    np.testing.assert_allclose(whiten.matrix, whiten.matrix.T, atol=1e-5)


@pytest.mark.parametrize("amount", [0.1, 1.0])
def test_whitening_of_fewer_rows_than_columns(amount):
    rng = np.random.default_rng(2)
    rows = (rng.standard_normal((6, 15)) * np.linspace(0.5, 2, 15) + 1).astype(np.float32)
    covariance = np.cov(rows, rowvar=False)
    values, vectors = np.linalg.eigh(covariance + amount * np.trace(covariance) / 15 * np.eye(15))
    matrix = (vectors / np.sqrt(values)) @ vectors.T
    unseen = rng.standard_normal((4, 15)).astype(np.float32)
    expected = (unseen - rows.mean(axis=0)) @ matrix
    np.testing.assert_allclose(Whitening.fit(rows, amount)(unseen), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_supervised_baselines_validation_by_hand(digits):
    """One fold and one weight decay, written as a plain loop with optax's own AdamW."""
    key, rate, decay, every, checks = jax.random.key(0), 0.01, 0.1, 3, 2
    start = _initial(key, (64, 6, 4), "relu", 10)
    x, y = jnp.asarray(digits.train[:40]), jnp.asarray(digits.train_labels[:40])
    inside, held = np.arange(0, 30), np.zeros(40, np.float32)
    held[30:] = 1
    right, entropy = _validate(
        start,
        x,
        y,
        jnp.asarray(inside[None]),
        jnp.asarray(held[None]),
        jnp.asarray([decay]),
        jnp.asarray(rate),
        jnp.asarray(every),
        checks,
        128,
    )

    def loss(model):
        scores = features(model.phi, x[:30]) @ model.top.weight + model.top.bias[None]
        chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), y[:30, None], axis=1)
        return -jnp.mean(chosen)

    optimizer = optax.adamw(rate, weight_decay=decay)
    model, state = start, optimizer.init(start)
    for check in range(checks):
        for _ in range(every):
            change, state = optimizer.update(jax.grad(loss)(model), state, model)
            model = optax.apply_updates(model, change)
        statistics = population_statistics(model.phi, x[:30])
        scores = features(model.phi, x[30:], statistics) @ model.top.weight + model.top.bias[None]
        logs = jax.nn.log_softmax(scores)
        assert int(right[0, check]) == int(jnp.sum(jnp.argmax(scores, axis=1) == y[30:]))
        expected = -float(jnp.sum(jnp.take_along_axis(logs, y[30:, None], axis=1)))
        assert float(entropy[0, check]) == pytest.approx(expected, rel=1e-3)


def test_the_supervised_baseline_starts_from_the_rules_phi(digits):
    trial = make_trials((4,), 64)[0]
    start = _initial(trial.init_key, (64, 6, 4), "relu", 10)
    phi = initialise(trial.init_key, (64, 6, 4))
    np.testing.assert_array_equal(start.phi.weights[0], phi.weights[0])


def test_more_examples_give_more_steps():
    settings = Supervised().settings
    assert settings.spacing(100) == settings.every
    assert settings.spacing(1000) > settings.every


@pytest.mark.parametrize("classes", [2, 5])
def test_logistic_regression_in_the_rows_span_is_the_plain_one(classes):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 90)), np.arange(40) % classes
    result = logistic._path(x, y, (3.0,), classes)[0]
    centred = x - x.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).sum(axis=1).mean())
    plain = LogisticRegression(C=3.0, max_iter=5000, tol=1e-8).fit(scaled, y)
    scores = result(x)
    chance = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(chance, plain.predict_proba(scaled), atol=5e-3)


def test_logistic_regression_chooses_a_penalty_by_its_labels_alone(monkeypatch):
    """Five stratified folds by hand, with scikit-learn's own machine on the inputs."""
    from sklearn.linear_model import LogisticRegression

    strengths = (1e-2, 1.0, 100.0)
    monkeypatch.setattr(logistic, "INVERSE_PENALTIES", strengths)
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(3), 10)
    x = rng.standard_normal((30, 12)) + 1.2 * np.eye(3, 12)[y]
    right = np.zeros(3)
    for held in range(5):
        out = np.arange(30) % 10 % 5 == held
        scale = np.sqrt(((x[~out] - x[~out].mean(axis=0)) ** 2).sum(axis=1).mean())
        for i, strength in enumerate(strengths):
            machine = LogisticRegression(C=strength, max_iter=5000).fit(x[~out] / scale, y[~out])
            right[i] += (machine.predict(x[out] / scale) == y[out]).sum()
    assert np.sum(right == right.max()) == 1, "a tie would prove nothing"
    expected = logistic._path(x, y, (strengths[int(np.argmax(right))],), 3)[0]
    np.testing.assert_allclose(logistic.fit(x, y, 3)(x), expected(x), rtol=1e-6)


def test_logistic_regression_with_one_label_or_without_a_class():
    x, y = np.eye(3), np.array([0, 1, 3])
    scores = logistic.fit(x, y, 4)(x)
    assert np.argmax(scores, axis=1).tolist() == [0, 1, 3]
    assert np.isneginf(scores[:, 2]).all()

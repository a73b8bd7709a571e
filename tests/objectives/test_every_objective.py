"""Properties of every registered meta-objective: gradients, shapes, scales, settings."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.errors import ConfigError
from metaplastic.objectives import OBJECTIVES, ObjectiveConfig, make_objective

CLASSES, LABELS, CONTINUOUS = 4, 6, 2
VARIANTS = [
    *((name, {}) for name in OBJECTIVES),
    ("ridge", {"distance": "squared"}),
    ("tuned-ridge", {"distance": "squared"}),
]
every = pytest.mark.parametrize(
    ("name", "settings"), VARIANTS, ids=lambda v: v if isinstance(v, str) else "-".join(v.values())
)


def batches(noise: float, seed: int = 0, scale: float = 1.0) -> list[jax.Array]:
    """Draw two batches of LABELS examples of each class: 12 features, the one-hot label, and two
    continuous targets that are linear in the features."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLASSES, 12))
    labels = np.repeat(np.arange(CLASSES), LABELS)
    u = centres[labels] + noise * rng.standard_normal((2, len(labels), 12))
    mixing = rng.standard_normal((12, CONTINUOUS)) / np.sqrt(12)
    one_hot = np.broadcast_to(np.eye(CLASSES)[labels] - 1 / CLASSES, (2, len(labels), CLASSES))
    y = np.concatenate([one_hot, u @ mixing], axis=2)
    return [jnp.asarray(a, jnp.float32) for a in (scale * u[0], y[0], scale * u[1], y[1])]


@cache
def program(name: str, settings: tuple = (), n_classes: int = CLASSES):
    """The loss and its gradient in both batches' features, compiled once for all tests."""
    loss = partial(make_objective(name, **dict(settings)), n_classes=n_classes)
    return jax.jit(jax.value_and_grad(loss, argnums=(0, 2)))


def compiled(name: str, **settings):
    """The compiled loss without its gradient."""
    return jax.jit(partial(make_objective(name, **settings), n_classes=CLASSES))


@every
def test_the_gradient_agrees_with_finite_differences(name: str, settings: dict) -> None:
    """Along a direction in both batches' features."""
    u, y, u_test, y_test = batches(1.0)
    run = program(name, tuple(settings.items()))
    noise = np.random.default_rng(1).standard_normal((4, *u.shape)).astype(np.float32)
    d, d_test = noise[:2]
    u, u_test = u + noise[2], u_test + noise[3]  # so that no target is exactly linear in them
    ends = [run(u + t * d, y, u_test + t * d_test, y_test)[0] for t in (4e-3, -4e-3)]
    numeric = float(ends[0] - ends[1]) / 8e-3
    assert abs(numeric) > 1e-3
    gradient, gradient_test = run(u, y, u_test, y_test)[1]
    analytic = np.sum(d * gradient) + np.sum(d_test * gradient_test)
    assert analytic == pytest.approx(numeric, rel=0.02)


@every
def test_it_distinguishes_good_features_from_noise(name: str, settings: dict) -> None:
    """Near 0 if classes and targets are linear in the features, near 1 or above for noise."""
    run = program(name, tuple(settings.items()))
    loss, _ = run(*batches(0.05))
    assert loss.shape == ()
    assert 0.0 <= float(loss) < 0.25
    _, y, _, y_test = batches(1.0)
    noise = np.random.default_rng(2).standard_normal((2, len(y), 12)).astype(np.float32)
    assert float(run(noise[0], y, noise[1], y_test)[0]) > 0.6


@every
def test_more_features_than_examples_and_one_example_per_class_work(
    name: str, settings: dict
) -> None:
    y = np.eye(3, dtype=np.float32) - 1 / 3
    u = np.random.default_rng(0).standard_normal((2, 3, 40)).astype(np.float32)
    value, gradients = program(name, tuple(settings.items()), 3)(u[0], y, u[1], y)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


@every
def test_the_gradient_is_finite_for_constant_features(name: str, settings: dict) -> None:
    _, y, _, _ = batches(1.0)
    u = np.ones((len(y), 12), np.float32)
    value, gradients = program(name, tuple(settings.items()))(u, y, u, y)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"ridge"}))
def test_the_scale_of_the_features_does_not_matter(name: str) -> None:
    run = program(name)
    expected = float(run(*batches(1.0))[0])
    for scale in (0.05, 50.0):
        assert float(run(*batches(1.0, scale=scale))[0]) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", ["logistic", "nearest-mean", "retrieval"])
def test_objectives_on_classes_ignore_continuous_targets(name: str) -> None:
    u, y, u_test, y_test = batches(1.0)
    without, _ = program(name)(u, y[:, :CLASSES], u_test, y_test[:, :CLASSES])
    both, _ = program(name)(u, y, u_test, y_test)
    assert float(both) == pytest.approx(float(without), abs=1e-6)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_errors_name_unknown_settings(name: str) -> None:
    with pytest.raises(ConfigError, match="penalti: there is no such setting"):
        make_objective(name, penalti=1.0)
    with pytest.raises(ConfigError, match=r'layers: give one of "last", "all" or'):
        make_objective(name, layers="first")


def test_a_name_means_default_settings_and_is_recorded_as_such() -> None:
    short = ObjectiveConfig.model_validate("tuned-ridge")
    long = ObjectiveConfig.model_validate(
        {"name": "tuned-ridge", "settings": {"penalties": [1e-4, 1e-3, 1e-2, 1e-1]}}
    )
    assert short == long
    assert long.model_dump(mode="json") == "tuned-ridge"
    other = ObjectiveConfig(name="ridge", settings={"distance": "squared", "penalty": 0.1})
    record = other.model_dump(mode="json")
    assert record == {"name": "ridge", "settings": {"distance": "squared"}}
    assert ObjectiveConfig.model_validate(record) == other
    assert other.make().settings.distance == "squared"

"""Baseline `supervised`: the base model trained on the labelled examples only."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.base_model import Phi, Statistics, features, initialise, population_statistics
from metaplastic.evaluation.baselines.baseline import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.baselines.decoder import Linear, make_linear
from metaplastic.evaluation.trials import Trial
from metaplastic.readout.ridge import FOLDS, fold_of
from metaplastic.settings import SettingsModel


class SupervisedSettings(SettingsModel):
    """The learning rate is searched on other sets; decay and stopping are chosen on the labels."""

    learning_rate: float = Field(3e-3, gt=0, description="learning rate of AdamW")
    decays: tuple[float, ...] = Field(
        (0.0, 0.1, 1.0), min_length=1, description="weight decays of AdamW to choose from"
    )
    checks: int = Field(15, ge=1, description="number of candidate stopping points")
    every: int = Field(
        10, ge=1, description="steps between stopping points; more for more examples"
    )
    batch_size: int = Field(
        128, ge=2, description="examples in a minibatch; fewer examples are used at once"
    )

    def spacing(self, examples: int) -> int:
        """Return the steps between two candidate stopping points."""
        return self.every * max(1, round(examples / (2 * self.batch_size)))


class Classifier(eqx.Module):
    """The base model and a linear layer on its features."""

    phi: Phi
    top: Linear


class FittedClassifier(NamedTuple):
    """A trained classifier of one seed, with the statistics of its labelled examples."""

    model: Classifier
    statistics: tuple[Statistics, ...]
    permutation: NDArray[np.int32]

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return class scores (n, classes)."""
        return np.asarray(
            _scores(self.model, self.statistics, jnp.asarray(rows[:, self.permutation]))
        )


@eqx.filter_jit
def _scores(model: Classifier, statistics: tuple[Statistics, ...], x: Array) -> Array:
    return model.top(features(model.phi, x, statistics))


def _initial(
    key: PRNGKeyArray, sizes: tuple[int, ...], activation: str, classes: int
) -> Classifier:
    top = make_linear(jax.random.fold_in(key, 1), sizes[-1], classes)
    return Classifier(initialise(key, sizes, activation), top)


_begin = eqx.filter_jit(_initial)


def _loss(model: Classifier, x: Array, y: Array) -> Array:
    scores = model.top(features(model.phi, x))
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(scores, y))


def _steps(
    model: Classifier,
    moments: optax.OptState,
    x: Array,
    y: Array,
    decay: Array,
    rate: Array,
    start: Array,
    stop: Array,
    batch_size: int,
) -> tuple[Classifier, optax.OptState]:
    adam = optax.scale_by_adam()

    def step(
        t: Array, carry: tuple[Classifier, optax.OptState]
    ) -> tuple[Classifier, optax.OptState]:
        model, moments = carry
        batch, labels = x, y
        if x.shape[0] > batch_size:
            key = jax.random.fold_in(jax.random.key(0), t)
            rows = jax.random.choice(key, x.shape[0], (batch_size,), replace=False)
            batch, labels = x[rows], y[rows]
        change, moments = adam.update(jax.grad(_loss)(model, batch, labels), moments)
        model = jax.tree.map(lambda p, c: p - rate * (c + decay * p), model, change)
        return model, moments

    return jax.lax.fori_loop(start, stop, step, (model, moments))


@eqx.filter_jit
def _validate(
    start: Classifier,
    x: Float[Array, "k inputs"],
    y: Int[Array, " k"],
    train_rows: Int[Array, "folds t"],
    held_out: Float[Array, "folds k"],
    decays: Float[Array, " decays"],
    rate: Array,
    every: Array,
    checks: int,
    batch_size: int,
) -> tuple[Float[Array, "decays checks"], Float[Array, "decays checks"]]:
    """Count correctly classified held-out examples and sum their cross-entropy, over folds."""

    def one(rows: Array, weight: Array, decay: Array) -> tuple[Array, Array]:
        inputs, labels = x[rows], y[rows]

        def check(carry: tuple[Classifier, optax.OptState], index: Array) -> tuple:
            interval = (index * every, (index + 1) * every)
            carry = _steps(*carry, inputs, labels, decay, rate, *interval, batch_size)
            statistics = population_statistics(carry[0].phi, inputs)
            scores = carry[0].top(features(carry[0].phi, x, statistics))
            correct = jnp.sum(weight * (jnp.argmax(scores, axis=1) == y))
            entropy = optax.softmax_cross_entropy_with_integer_labels(scores, y)
            return carry, (correct, jnp.sum(weight * entropy))

        moments = optax.scale_by_adam().init(start)  # pyright: ignore[reportArgumentType]
        return jax.lax.scan(check, (start, moments), jnp.arange(checks))[1]

    over_folds = jax.vmap(one, in_axes=(0, 0, None))
    correct, entropy = jax.vmap(over_folds, in_axes=(None, None, 0))(train_rows, held_out, decays)
    return jnp.sum(correct, axis=1), jnp.sum(entropy, axis=1)


@eqx.filter_jit
def _fit(
    model: Classifier,
    x: Array,
    y: Array,
    decay: Array,
    rate: Array,
    steps: Array,
    batch_size: int,
) -> tuple[Classifier, tuple[Statistics, ...]]:
    moments = optax.scale_by_adam().init(model)  # pyright: ignore[reportArgumentType]
    model, _ = _steps(model, moments, x, y, decay, rate, jnp.asarray(0), steps, batch_size)
    return model, population_statistics(model.phi, x)


class Supervised(LabelledBaseline):
    """The same architecture and a linear layer, by Adam on cross-entropy, from the same φ.

    Weight decay and stopping point are those of the best cross-validated accuracy on the labelled
    examples; ties go to the smaller cross-entropy. Batch norm uses the labelled examples.
    """

    name = "supervised"
    title = "supervised, same labels"
    Settings = SupervisedSettings
    grid = (
        {},
        {"learning_rate": 1e-3},
        {"learning_rate": 1e-2},
        {"learning_rate": 3e-2},
        {"learning_rate": 1e-1},
        {"learning_rate": 3e-1},
    )

    def fit_trial(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trial: Trial,
    ) -> Encoder:
        settings = self.settings
        assert isinstance(settings, SupervisedSettings)
        rate = jnp.asarray(settings.learning_rate)
        x = jnp.asarray(rows[:, trial.permutation])
        start = _begin(trial.init_key, data.sizes, data.activation, n_classes)
        decay, steps = _choose(settings, start, x, labels, rate)
        model, statistics = _fit(
            start,
            x,
            jnp.asarray(labels),
            jnp.asarray(decay),
            rate,
            jnp.asarray(steps),
            settings.batch_size,
        )
        return FittedClassifier(model, statistics, trial.permutation)


def _choose(
    settings: SupervisedSettings, start: Classifier, x: Array, y: NDArray[np.int32], rate: Array
) -> tuple[float, int]:
    """Choose weight decay and number of steps; the middle ones if a class has a single label."""
    smallest = int(np.min(np.bincount(y)[np.unique(y)]))
    spacing = settings.spacing(len(y))
    if smallest < 2:
        middle = settings.decays[len(settings.decays) // 2]
        return middle, spacing * max(1, settings.checks // 2)
    fold = fold_of(y, min(FOLDS, smallest))
    train_rows = [np.flatnonzero(fold != f) for f in range(fold.max() + 1)]
    longest = max(map(len, train_rows))
    correct, entropy = _validate(
        start,
        x,
        jnp.asarray(y),
        jnp.asarray(np.stack([np.resize(rows, longest) for rows in train_rows])),
        jnp.asarray(np.stack([(fold == f) for f in range(fold.max() + 1)]), jnp.float32),
        jnp.asarray(settings.decays),
        rate,
        jnp.asarray(spacing),
        settings.checks,
        settings.batch_size,
    )
    correct, entropy = np.asarray(correct), np.asarray(entropy)
    order = np.lexsort((entropy.ravel(), -correct.ravel()))
    decay, check = np.unravel_index(order[0], correct.shape)
    return settings.decays[decay], spacing * (int(check) + 1)

"""The VAE against a computation by hand, and what it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.evaluation.baselines import Unlabelled
from metaplastic.evaluation.baselines.vae import Vae, elbo, initial, posterior
from metaplastic.evaluation.problem import load_problem
from metaplastic.evaluation.trials import make_trials


def _batch_norm(rows):
    return (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)


def _by_hand(params, x, noise):
    """Plain loops over examples and units, from the definition of the bound."""
    hidden = np.maximum(_batch_norm(x @ np.asarray(params.hidden.weights[0], np.float64)), 0)
    mean = hidden @ np.asarray(params.mean.weight) + np.asarray(params.mean.bias)
    log_variance = hidden @ np.asarray(params.log_variance.weight)
    u = mean + np.sqrt(np.exp(log_variance)) * noise
    decoder = params.decoder
    back = np.maximum(_batch_norm(u @ np.asarray(decoder.hidden.weights[0])), 0)
    out = back @ np.asarray(decoder.top.weight) + np.asarray(decoder.top.bias)
    std = float(np.exp(params.log_std))
    likelihood, divergence = np.zeros(len(x)), np.zeros(len(x))
    for i in range(len(x)):
        for d in range(x.shape[1]):
            density = np.exp(-((x[i, d] - out[i, d]) ** 2) / (2 * std**2))
            likelihood[i] += np.log(density / (std * np.sqrt(2 * np.pi)))
        for k in range(mean.shape[1]):
            variance = np.exp(log_variance[i, k])
            divergence[i] += 0.5 * (variance + mean[i, k] ** 2 - 1 - np.log(variance))
    return likelihood, divergence


@pytest.fixture(scope="module")
def params():
    made = initial(jax.random.key(3), (5, 6, 2), "relu")
    return jax.tree.map(lambda a: a if a.ndim else jnp.asarray(0.3), made)


def test_elbo_agrees_with_a_computation_by_hand(params):
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((7, 5)), rng.standard_normal((7, 2))
    terms = elbo(params, jnp.asarray(x, jnp.float32), jnp.asarray(noise, jnp.float32))
    likelihood, divergence = _by_hand(params, x, noise)
    np.testing.assert_allclose(terms.log_likelihood, likelihood, rtol=2e-4)
    np.testing.assert_allclose(terms.divergence, divergence, rtol=2e-4)


def test_divergence_agrees_with_sampling(params):
    """KL(q || p) is the mean of log q - log p over samples of q."""
    x = jnp.asarray(np.random.default_rng(1).standard_normal((4, 5)), jnp.float32)
    mean, log_variance = (np.asarray(a, np.float64) for a in posterior(params, x))
    divergence = elbo(params, x, jnp.zeros((4, 2))).divergence
    noise = np.random.default_rng(2).standard_normal((200_000, 4, 2))
    u = mean + np.exp(0.5 * log_variance) * noise
    log_q = -0.5 * (noise**2 + log_variance)
    sampled = np.sum(log_q + 0.5 * u**2, axis=2).mean(axis=0)
    np.testing.assert_allclose(divergence, sampled, rtol=0.02)


@pytest.fixture(scope="module")
def trained():
    problem = load_problem("digits")
    data = Unlabelled(problem.train, (64,), 16, "relu")
    along = Vae(learning_rate=3e-3, steps=600).along(data, make_trials((0, 1), 64), (0, 600))
    return problem, dict(along)


def test_training_raises_the_bound_on_test_inputs(trained):
    problem, stages = trained
    before, after = (stages[point][0].elbo(problem.test) for point in (0, 600))
    assert after > before + 10


def test_samples_look_like_digits(trained):
    """Every sample is nearer to some digit than images whose pixels were drawn independently."""
    problem, stages = trained
    samples = stages[600][0].sample(60)
    rng = np.random.default_rng(0)
    scrambled = np.stack([rng.permutation(column)[:60] for column in problem.train.T], axis=1)

    def nearest(rows):
        squares = ((rows[:, None] - problem.train[None]) ** 2).mean(axis=2)
        return np.sqrt(squares.min(axis=1))

    assert nearest(samples).mean() < 0.75 * nearest(scrambled).mean()
    # they differ from one another as digits do
    assert samples.std(axis=0).mean() > 0.4 * problem.train.std(axis=0).mean()


def test_samples_stand_in_the_order_of_the_inputs(trained):
    problem, stages = trained
    for fitted in stages[600]:
        drawn, seen = fitted.sample(300).mean(axis=0), problem.train.mean(axis=0)
        assert np.corrcoef(drawn, seen)[0, 1] > 0.9

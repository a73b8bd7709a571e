"""Baseline `vae`: a variational autoencoder with the base model as its encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.base_model import Phi, Statistics, features, initialise, population_statistics
from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.baselines.decoder import Decoder, Linear, make_decoder, make_linear
from metaplastic.evaluation.baselines.gradient import train
from metaplastic.evaluation.trials import Trial
from metaplastic.inner_loop import statistics_rows
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel


class VaeSettings(SettingsModel):
    """Hyperparameters of the search."""

    beta: float = Field(1.0, gt=0, description="weight of the divergence; 1 is the ELBO")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of Adam")
    steps: int = Field(3000, ge=1, description="number of updates by Adam")
    batch_size: int = Field(64, ge=2, description="examples in a minibatch")


class VaeParams(eqx.Module):
    """Encoder: the base model's hidden layers, then linear means and log variances. `log_std` is
    the log standard deviation of the Gaussian likelihood, one number for all inputs."""

    hidden: Phi | None
    mean: Linear
    log_variance: Linear
    decoder: Decoder
    log_std: Float[Array, ""]


class Elbo(NamedTuple):
    """Log likelihood (one sample) and divergence from the prior, in nats per example."""

    log_likelihood: Float[Array, " batch"]
    divergence: Float[Array, " batch"]


def posterior(
    params: VaeParams,
    x: Float[Array, "batch inputs"],
    statistics: tuple[Statistics, ...] | None = None,
) -> tuple[Float[Array, "batch latents"], Float[Array, "batch latents"]]:
    """Return mean and log variance of the Gaussian posterior."""
    u = x if params.hidden is None else features(params.hidden, x, statistics)
    return params.mean(u), params.log_variance(u)


def elbo(
    params: VaeParams, x: Float[Array, "batch inputs"], noise: Float[Array, "batch latents"]
) -> Elbo:
    """Compute both terms of log p(x | u) - KL(q(u | x) || N(0, 1)), with u = mean + std * noise."""
    mean, log_variance = posterior(params, x)
    u = mean + jnp.exp(0.5 * log_variance) * noise
    standard = (x - params.decoder(u)) * jnp.exp(-params.log_std)
    log_likelihood = -0.5 * jnp.sum(standard**2, axis=1) - x.shape[1] * (
        params.log_std + 0.5 * math.log(2 * math.pi)
    )
    divergence = 0.5 * jnp.sum(jnp.exp(log_variance) + mean**2 - 1.0 - log_variance, axis=1)
    return Elbo(log_likelihood, divergence)


def _loss(params: VaeParams, x: Array, beta: Array, key: PRNGKeyArray) -> Array:
    noise = jax.random.normal(key, (x.shape[0], params.mean.bias.shape[0]))
    terms = elbo(params, x, noise)
    return jnp.mean(beta * terms.divergence - terms.log_likelihood) / x.shape[1]


def initial(key: PRNGKeyArray, sizes: Sequence[int], activation: str) -> VaeParams:
    """Draw parameters; `sizes` are the base model's, of which the last is the number of latents."""
    keys = jax.random.split(key, 4)
    n_inputs, *hidden, latents = sizes
    below = sizes[-2]
    return VaeParams(
        initialise(keys[0], (n_inputs, *hidden), activation) if hidden else None,
        make_linear(keys[1], below, latents),
        make_linear(keys[2], below, latents, 0.1),
        make_decoder(keys[3], latents, hidden, n_inputs, activation),
        jnp.zeros(()),
    )


class FittedVae(NamedTuple):
    """A trained VAE of one seed."""

    params: VaeParams
    statistics: tuple[Statistics, ...]
    permutation: NDArray[np.int32]

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the posterior means (n, latents)."""
        return np.asarray(_means(self.params, self.statistics, rows[:, self.permutation]))

    def sample(self, count: int, seed: int = 0) -> NDArray[np.float32]:
        """Return likelihood means for latents drawn from the prior, inputs in original order."""
        latents = jax.random.normal(jax.random.key(seed), (count, self.params.mean.bias.shape[0]))
        drawn = np.empty((count, len(self.permutation)), np.float32)
        drawn[:, self.permutation] = np.asarray(self.params.decoder(latents))
        return drawn

    def elbo(self, rows: NDArray[np.float32], seed: int = 0) -> float:
        """Compute the mean ELBO in nats per example, with batch norm over the given rows."""
        shape = (len(rows), self.params.mean.bias.shape[0])
        noise = jax.random.normal(jax.random.key(seed), shape)
        terms = _elbo(self.params, jnp.asarray(rows[:, self.permutation]), noise)
        return float(jnp.mean(terms.log_likelihood - terms.divergence))


_means = eqx.filter_jit(lambda params, statistics, x: posterior(params, x, statistics)[0])
_elbo = eqx.filter_jit(elbo)


class Vae(Baseline):
    """Gaussian posterior, Gaussian likelihood with one learned variance; features: posterior means.

    The hidden layers are the base model's; the top layer is linear, as the posterior requires.
    """

    name = "vae"
    title = "VAE"
    Settings = VaeSettings
    grid = (
        {},
        {"beta": 0.3},
        {"steps": 1000},
        {"learning_rate": 3e-3},
        {"beta": 0.3, "learning_rate": 3e-3},
        {"beta": 0.1, "learning_rate": 3e-3},
        {"beta": 0.03, "learning_rate": 3e-3},
        {"beta": 0.01, "learning_rate": 3e-3},
        {"beta": 0.003, "learning_rate": 3e-3},
        {"beta": 0.001, "learning_rate": 3e-3},
        {"beta": 0.0003, "learning_rate": 3e-3},
        {"beta": 0.3, "learning_rate": 1e-2},
        {"steps": 300},
        {"steps": 10_000},
        {"beta": 0.03, "learning_rate": 3e-3, "steps": 10_000},
    )

    def along(
        self,
        data: Unlabelled,
        trials: Sequence[Trial],
        points: Sequence[int],
        progress: Progress = silent,
    ) -> Iterator[tuple[int, list[FittedVae]]]:
        """Yield the VAEs of all trials after each of the increasing numbers of steps."""
        settings = self.settings
        assert isinstance(settings, VaeSettings)
        rows = statistics_rows(data.inputs)
        along = train(
            _loss,
            lambda key: initial(key, data.sizes, data.activation),
            data.inputs,
            trials,
            points,
            hyper=jnp.asarray(settings.beta),
            learning_rate=settings.learning_rate,
            batch_size=settings.batch_size,
            label="VAE",
            progress=progress,
        )
        for done, params in along:
            yield done, [_fitted(params, i, trial, rows) for i, trial in enumerate(trials)]

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        settings = self.settings
        assert isinstance(settings, VaeSettings)
        _, fitted = next(iter(self.along(data, trials, (settings.steps,), progress)))
        return [*fitted]


def _fitted(params: VaeParams, i: int, trial: Trial, rows: NDArray[np.float32]) -> FittedVae:
    trial_params: VaeParams = jax.tree.map(lambda a: a[i], params)
    inputs = jnp.asarray(rows[:, trial.permutation])
    statistics = (
        () if trial_params.hidden is None else population_statistics(trial_params.hidden, inputs)
    )
    return FittedVae(trial_params, statistics, trial.permutation)

"""Baseline `dae`: a denoising autoencoder with the base model as its encoder (Vincent, 2008)."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray
from pydantic import Field

from metaplastic.base_model import Phi, features, initialise, population_statistics
from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.baselines.decoder import Decoder, make_decoder
from metaplastic.evaluation.baselines.gradient import train
from metaplastic.evaluation.inner_loop import Network
from metaplastic.evaluation.trials import Trial
from metaplastic.inner_loop import statistics_rows
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel


class DenoisingSettings(SettingsModel):
    """Hyperparameters of the search."""

    masked: float = Field(
        0.3, ge=0, lt=1, description="fraction of inputs set to zero, which is their mean"
    )
    noise: float = Field(0.3, ge=0, description="standard deviation of Gaussian noise")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of Adam")
    steps: int = Field(3000, ge=1, description="number of updates by Adam")
    batch_size: int = Field(64, ge=2, description="examples in a minibatch")


class DenoisingParams(eqx.Module):
    """The base model and a decoder that mirrors it."""

    encoder: Phi
    decoder: Decoder


def corrupt(x: Array, masked: Array, noise: Array, key: PRNGKeyArray) -> Array:
    """Set some inputs to zero and add noise to all."""
    mask_key, noise_key = jax.random.split(key)
    unmasked = jax.random.uniform(mask_key, x.shape) >= masked
    return jnp.where(unmasked, x, 0.0) + noise * jax.random.normal(noise_key, x.shape)


def _loss(params: DenoisingParams, x: Array, hyper: Array, key: PRNGKeyArray) -> Array:
    corrupted = corrupt(x, hyper[0], hyper[1], key)
    return jnp.mean((x - params.decoder(features(params.encoder, corrupted))) ** 2)


def _initial(key: PRNGKeyArray, sizes: Sequence[int], activation: str) -> DenoisingParams:
    decoder = make_decoder(jax.random.fold_in(key, 1), sizes[-1], sizes[1:-1], sizes[0], activation)
    return DenoisingParams(initialise(key, sizes, activation), decoder)


class Denoising(Baseline):
    """Reconstructs clean inputs from corrupted ones; the features are the base model's."""

    name = "dae"
    title = "denoising autoencoder"
    Settings = DenoisingSettings
    grid = (
        {},
        {"masked": 0.1},
        {"masked": 0.6},
        {"masked": 0.8},
        {"noise": 0.1},
        {"noise": 1.0},
        {"learning_rate": 3e-4},
        {"learning_rate": 3e-3},
        {"learning_rate": 1e-2},
        {"steps": 1000},
        {"steps": 10_000},
        {"steps": 30_000},
        {"masked": 0.6, "steps": 10_000},
        {"masked": 0.6, "steps": 30_000},
        {"masked": 0.8, "steps": 30_000},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        settings = self.settings
        assert isinstance(settings, DenoisingSettings)
        _, params = next(
            train(
                _loss,
                lambda key: _initial(key, data.sizes, data.activation),
                data.inputs,
                trials,
                (settings.steps,),
                hyper=jnp.array([settings.masked, settings.noise]),
                learning_rate=settings.learning_rate,
                batch_size=settings.batch_size,
                label="denoising autoencoder",
                progress=progress,
            )
        )
        rows = statistics_rows(data.inputs)
        encoders: list[Encoder] = []
        for i, trial in enumerate(trials):
            phi = jax.tree.map(lambda a, i=i: a[i], params.encoder)
            inputs = jnp.asarray(rows[:, trial.permutation])
            encoders.append(
                Network(phi, population_statistics(phi, inputs), jnp.asarray(trial.permutation))
            )
        return encoders

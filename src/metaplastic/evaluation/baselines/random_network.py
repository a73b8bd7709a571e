"""Baseline `random`: the base model before the first inner step."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.inner_loop import Network, run_inner_loop
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.rules import make_rule


class RandomNetwork(Baseline):
    """A random network of the same architecture, with the same φ that the rule starts from."""

    name = "random"
    title = "random network"

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        return [*self.networks(data, trials)]

    def networks(self, data: Unlabelled, trials: Sequence[Trial]) -> list[Network]:
        """Return the networks, one per trial."""
        idle = make_rule("hebbian", jax.random.key(0))  # never applied
        loop = run_inner_loop(
            idle,
            data.inputs,
            trials,
            (0,),
            hidden=data.hidden,
            n_features=data.n_features,
            activation=data.activation,
        )
        return [network for _, networks, _ in loop for network in networks]

"""Baseline `random-all`: the base model before the first inner step, read at every layer."""

from __future__ import annotations

from collections.abc import Sequence

from metaplastic.evaluation.baselines.baseline import Encoder, Unlabelled
from metaplastic.evaluation.baselines.random_network import RandomNetwork
from metaplastic.evaluation.inner_loop import read_all_layers
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


class RandomNetworkAll(RandomNetwork):
    """The control for a rule read at every layer: what random layers and the inputs contribute."""

    name = "random-all"
    title = "random network, all layers and inputs"

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        return [read_all_layers(network, data.inputs) for network in self.networks(data, trials)]

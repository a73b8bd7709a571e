"""Baseline `random-averaged`: the random network, read also of rows averaged over neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from metaplastic.evaluation.averaged import Averages, read_twice
from metaplastic.evaluation.baselines.baseline import Encoder, Unlabelled
from metaplastic.evaluation.baselines.random_network import RandomNetwork
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


class RandomNetworkAveraged(RandomNetwork):
    """The control for a rule read with `layers="averaged"`."""

    name = "random-averaged"
    title = "random network, all layers and inputs, also averaged"

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        progress("nearest neighbours", 0, 1, "graphs")
        averages = Averages(data.inputs)
        networks = self.networks(data, trials)
        return [read_twice(network, data.inputs, averages) for network in networks]

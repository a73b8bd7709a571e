"""`PlasticClassifier` as a baseline of the studies, next to the classifiers users would pick."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.encoder.estimator import PlasticEncoder
from metaplastic.encoder.readouts import fit_readouts, vote
from metaplastic.evaluation.baselines import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.named_rule import DEFAULT_BATCH_SIZE, NamedRule, inner_steps_of
from metaplastic.evaluation.trials import Trial


class ClassifierBaseline(LabelledBaseline):
    """`PlasticClassifier` with its default readout and the study's network sizes.

    The features of a trial do not depend on its labels, so they are learned once and shared by all
    numbers of labels per class.
    """

    name = "classifier"
    title = "PlasticClassifier"

    def __init__(self, rule: NamedRule) -> None:
        super().__init__()
        self._rule = rule
        self._inputs: NDArray[np.float32] | None = None
        self._encoders: dict[int, PlasticEncoder] = {}

    def fit_trial(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trial: Trial,
    ) -> Encoder:
        encoder = self._encoder(data, trial.seed)
        features = encoder.transform(rows)
        readouts = fit_readouts("auto", features, rows.shape[1], labels, n_classes)
        return lambda new: vote(readouts, encoder.transform(new))

    def _encoder(self, data: Unlabelled, seed: int) -> PlasticEncoder:
        if data.inputs is not self._inputs:
            self._inputs, self._encoders = data.inputs, {}
        if seed not in self._encoders:
            encoder = PlasticEncoder(
                self._rule.rule,
                hidden_layer_sizes=data.hidden,
                n_components=data.n_features,
                activation=data.activation,
                max_iter=inner_steps_of(self._rule),
                batch_size=self._rule.batch_size or DEFAULT_BATCH_SIZE,
                random_state=seed,
            )
            self._encoders[seed] = encoder.fit(data.inputs)
        return self._encoders[seed]

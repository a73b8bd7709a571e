"""`PlasticClassifier` as a baseline of the studies, next to the classifiers users would pick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metaplastic.encoder.estimator import PlasticEncoder
from metaplastic.encoder.readouts import fit_readouts, vote
from metaplastic.evaluation.baselines import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.named_rule import DEFAULT_BATCH_SIZE, NamedRule, inner_steps_of
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


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

    def fit_labelled(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trials: Sequence[Trial],
        progress: Progress = silent,
    ) -> list[Encoder]:
        if data.inputs is not self._inputs:
            self._inputs, self._encoders = data.inputs, {}
        fitted: list[Encoder] = []
        for done, (trial, x, y) in enumerate(zip(trials, rows, labels, strict=True)):
            progress(self.title, done, len(trials), "seeds")
            encoder = self._encoder(data, trial.seed)
            readouts = fit_readouts("auto", encoder.transform(x), x.shape[1], y, n_classes)
            fitted.append(lambda new, e=encoder, r=readouts: vote(r, e.transform(new)))
        return fitted

    def _encoder(self, data: Unlabelled, seed: int) -> PlasticEncoder:
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

"""The interface of baselines: fit on unlabelled rows, return encoders."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from metaplastic.errors import MissingExtraError
from metaplastic.evaluation.protocol import settings
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.settings import NoSettings

# (n, d) standardised rows to (n, F) features
Encoder = Callable[[NDArray[np.float32]], NDArray[np.floating]]


@dataclass(frozen=True)
class Unlabelled:
    """What a baseline sees of a data set: standardised training rows (n, d) without labels.

    `hidden`, `n_features` and `activation` describe the base model; `shape` is the shape of one
    example, (height, width, channels) for an image.
    """

    inputs: NDArray[np.float32]
    hidden: tuple[int, ...]
    n_features: int
    activation: str
    batch_size: int = 64
    shape: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the layer sizes (N_0, ..., N_L) of the base model."""
        return (self.inputs.shape[1], *self.hidden, self.n_features)


class Baseline(abc.ABC):
    """A method that the learned rule is compared with.

    `grid` lists the settings that a hyperparameter search tries, as keywords; the first are the
    defaults. Settings are fixed at construction. `requires` names an optional package as (module,
    distribution, extra that installs it); without it, construction raises `MissingExtraError`.
    `row_by_row` is false if a row's features depend on the other rows of the batch; `spatial` is
    true if the baseline uses pixel positions, which permuted inputs hide from the rule.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    uses_labels: ClassVar[bool] = False
    requires: ClassVar[tuple[str, str, str] | None] = None
    row_by_row: ClassVar[bool] = True
    spatial: ClassVar[bool] = False
    Settings: ClassVar[type[BaseModel]] = NoSettings
    grid: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    def __init__(self, **chosen: Any) -> None:
        self.settings = settings(self.Settings, **chosen)
        if self.requires is not None and not self.installed():
            _, package, extra = self.requires
            raise MissingExtraError(package, extra, f"baseline {self.name}")

    @classmethod
    def installed(cls) -> bool:
        """Return whether the optional package that the baseline needs is installed."""
        return cls.requires is None or find_spec(cls.requires[0]) is not None

    @abc.abstractmethod
    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        """Fit one encoder per trial."""


class LabelledBaseline(Baseline):
    """A baseline that is trained on the labelled examples and is itself a classifier.

    A semi-supervised baseline also uses the unlabelled rows, `data.inputs`.
    """

    uses_labels = True

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        raise TypeError(f"baseline {self.name} needs labels: call fit_labelled")

    def fit_labelled(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trials: Sequence[Trial],
        progress: Progress = silent,
    ) -> list[Encoder]:
        """Fit one classifier per trial; `rows` has shape (trials, k, d), `labels` (trials, k)."""
        fitted: list[Encoder] = []
        for done, (trial, x, y) in enumerate(zip(trials, rows, labels, strict=True)):
            progress(self.name, done, len(trials), "seeds")
            fitted.append(self.fit_trial(data, x, y, n_classes, trial))
        return fitted

    @abc.abstractmethod
    def fit_trial(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trial: Trial,
    ) -> Encoder:
        """Fit a classifier to labelled rows (k, d) with labels (k,).

        It maps rows (n, d) to class scores (n, C).
        """

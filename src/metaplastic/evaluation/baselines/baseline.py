"""The interface of every baseline: fit on unlabelled rows, features out."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from metaplastic.errors import MissingExtraError
from metaplastic.evaluation.protocol import settings
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent

# (n, d) standardised rows to (n, F) features
Encoder = Callable[[NDArray[np.float32]], NDArray[np.floating]]


@dataclass(frozen=True)
class Unlabelled:
    """All that a baseline sees of a data set: training rows (n, d), standardised, no label.

    `hidden`, `n_features` and `activation` are those of the base model; `shape` is that of one
    example, (height, width, channels) of an image.
    """

    inputs: NDArray[np.float32]
    hidden: tuple[int, ...]
    n_features: int
    activation: str
    batch_size: int = 64
    shape: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """(N_0, ..., N_L) of the base model."""
        return (self.inputs.shape[1], *self.hidden, self.n_features)


class NoSettings(BaseModel):
    """For a baseline that has nothing to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Baseline(abc.ABC):
    """A method that the learned rule is compared with.

    `grid` lists the settings that a hyperparameter search tries, as keywords; the first are the
    defaults. Settings are fixed at construction. `requires` names an optional package: module,
    distribution, and the extra that brings it; without it, construction raises
    `MissingExtraError`. `row_by_row` is false where a row's features depend on those beside it;
    `spatial` is true where a baseline sees where the pixels of an image lie, which the protocol of
    permuted inputs hides from the rule.
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
        """Whether the optional package that it needs is there."""
        return cls.requires is None or find_spec(cls.requires[0]) is not None

    @abc.abstractmethod
    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        """One encoder a trial."""


class LabelledBaseline(Baseline):
    """A baseline that is trained on the labelled examples themselves and is its own classifier.

    A semi-supervised one reads the unlabelled rows too, which it is given as `data.inputs`.
    """

    uses_labels = True

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        raise TypeError(f"{self.name} needs labels: call fit_labelled")

    @abc.abstractmethod
    def fit_labelled(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trials: Sequence[Trial],
        progress: Progress = silent,
    ) -> list[Encoder]:
        """One classifier a trial: rows (n, d) to scores of the classes (n, C).

        `rows` is (trials, k, d), `labels` (trials, k).
        """

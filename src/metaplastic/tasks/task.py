"""Tasks: pools of examples from some classes of a data set, permuted and augmented."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from metaplastic.settings import SettingsModel
from metaplastic.tasks.architecture import Architecture, ArchitectureSpace
from metaplastic.tasks.augmentation import N_TARGETS, Augmentation
from metaplastic.tasks.source import Source

Range = tuple[int, int]


# not a subclass of `SettingsModel`, as only `frozen=True` here makes it hashable to type checkers
class TaskFields(BaseModel, frozen=True):
    """Settings that the tasks of a run have in common."""

    model_config = SettingsModel.model_config

    sources: tuple[str, ...] = Field(
        default=("glyphs",), description="data sets, sampled uniformly"
    )
    held_out: tuple[str, ...] = Field(
        default=("mnist", "fashion_mnist", "imdb", "digits", "two_moons"),
        description="data sets that this run refuses to meta-train on",
    )
    examples_per_class: int = Field(
        default=60, ge=2, description="examples per class in the pool of a task"
    )
    labelled_apart: int = Field(
        default=0,
        ge=0,
        description="additional examples per class, seen only by the meta-objective; 0: its "
        "labelled batches are drawn from the pool",
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="how images are shifted, rotated and made noisy"
    )
    architectures: ArchitectureSpace = Field(
        default=ArchitectureSpace(), description="base models of the tasks"
    )

    @property
    def distinct_per_class(self) -> int:
        """Examples per class from which the labelled batches are drawn: those kept apart, or the
        pool."""
        return self.labelled_apart or self.examples_per_class

    @property
    def drawn_per_class(self) -> int:
        """Examples per class of a task: those of the pool and those kept apart."""
        return self.examples_per_class + self.labelled_apart


class TaskConfig(TaskFields, frozen=True):
    """The distribution of tasks in one group."""

    n_classes: int = Field(default=10, ge=2, description="classes of a task")
    labels_per_class: int = Field(
        default=10, ge=1, description="K: labelled examples per class, in each of the two batches"
    )


class TaskSpace(TaskFields, frozen=True):
    """The tasks that a run is meta-trained on. Each group has its own number of classes and of
    labels; if a range is given, it is drawn from it uniformly on a logarithmic scale."""

    n_classes: int | Range = Field(
        default=10, description="classes of a task; [fewest, most]: each group draws its own"
    )
    labels_per_class: int | Range = Field(
        default=10,
        description="K: labelled examples per class, in each of the two batches; [fewest, most]: "
        "each group draws its own",
    )

    @model_validator(mode="after")
    def _check(self) -> TaskSpace:
        for name, least in (("n_classes", 2), ("labels_per_class", 1)):
            low, high = ends(given := getattr(self, name))
            if not least <= low <= high:
                raise ValueError(f"{name} {given}: need {least} <= fewest <= most")
        return self

    def draw(self, rng: np.random.Generator) -> TaskConfig:
        """Draw the settings of one group. Fixed numbers use no random number."""
        common = {name: getattr(self, name) for name in TaskFields.model_fields}
        return TaskConfig(
            n_classes=_drawn(rng, self.n_classes),
            labels_per_class=_drawn(rng, self.labels_per_class),
            **common,
        )


def ends(given: int | Range) -> Range:
    """Return the fewest and the most of a number or a range."""
    return (given, given) if isinstance(given, int) else given


def _drawn(rng: np.random.Generator, given: int | Range) -> int:
    if isinstance(given, int):
        return given
    low, high = np.log(given)
    return round(float(np.exp(rng.uniform(low, high))))


class Task(NamedTuple):
    """The examples of a task. `inputs` are (classes, examples, N_0), float32, first the pool's
    examples, then those kept apart. `targets` are (classes, examples, T), float32: the one-hot
    label, centred and of unit norm, then the weighted amounts of the augmentation."""

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]


def n_targets(config: TaskConfig) -> int:
    """Return T, the width of a task's targets."""
    return config.n_classes + (N_TARGETS if config.augmentation.regression_weight > 0 else 0)


def sample_task(
    sources: Sequence[Source],
    config: TaskConfig,
    architecture: Architecture,
    seed: Sequence[int],
) -> Task:
    """Draw the task of a seed: data set, classes, examples, augmentation and permutation.

    All `sources` must fit the architecture (`fitting`).
    """
    rng = np.random.default_rng(np.random.SeedSequence(list(seed)))
    source = sources[int(rng.integers(len(sources)))]
    per_class = config.drawn_per_class
    share = config.augmentation.share(rng)
    inputs, amounts = source.draw(
        rng,
        config.n_classes,
        per_class,
        architecture,
        config.augmentation.scaled(share),
        config.labelled_apart,
    )
    order = rng.permutation(inputs.shape[1])
    if not architecture.is_map:
        inputs = inputs[:, order]

    n = config.n_classes
    one_hot = (np.eye(n) - 1.0 / n) / np.sqrt(1.0 - 1.0 / n)
    targets = np.repeat(one_hot.astype(np.float32), per_class, axis=0)
    weight = config.augmentation.regression_weight
    if weight > 0:
        weight = weight * share / np.sqrt(N_TARGETS)
        targets = np.concatenate([targets, weight * amounts], axis=1)
    return Task(
        np.ascontiguousarray(inputs.reshape(n, per_class, -1), np.float32),
        targets.reshape(n, per_class, -1).astype(np.float32),
    )

"""A task: a pool of examples of some classes of one data set, permuted and augmented."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metaplastic.tasks.architecture import Architecture, ArchitectureSpace
from metaplastic.tasks.augmentation import N_TARGETS, Augmentation
from metaplastic.tasks.source import Source

Range = tuple[int, int]


class TaskFields(BaseModel, frozen=True):
    """What the tasks of a run have in common."""

    model_config = ConfigDict(extra="forbid")

    sources: tuple[str, ...] = Field(default=("glyphs",), description="data sets, sampled evenly")
    held_out: tuple[str, ...] = Field(
        default=("mnist", "fashion_mnist", "imdb", "digits", "two_moons"),
        description="data sets this run refuses to meta-train on",
    )
    examples_per_class: int = Field(default=60, ge=2, description="pool size of a task, per class")
    labelled_apart: int = Field(
        default=0,
        ge=0,
        description="examples per class beside the pool, that the meta-objective alone sees; "
        "0: its labelled batches are drawn from the pool",
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="how images are shifted, turned and made noisy"
    )
    architectures: ArchitectureSpace = Field(
        default=ArchitectureSpace(), description="base models that tasks are learned by"
    )

    @property
    def drawn_per_class(self) -> int:
        """Examples of a task, per class: the pool's, and those kept apart."""
        return self.examples_per_class + self.labelled_apart


class TaskConfig(TaskFields, frozen=True):
    """What the tasks of one group are drawn from."""

    n_classes: int = Field(default=10, ge=2, description="classes of a task")
    labels_per_class: int = Field(
        default=10, ge=1, description="K: labelled examples per class, in each of the two batches"
    )


class TaskSpace(TaskFields, frozen=True):
    """What a run is meta-trained on. Each group has its own number of classes and of labels,
    drawn where a range is given, evenly on a logarithmic scale."""

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
        """That of one group. A number that is no range draws nothing."""
        given = {name: getattr(self, name) for name in TaskFields.model_fields}
        return TaskConfig(
            n_classes=_drawn(rng, self.n_classes),
            labels_per_class=_drawn(rng, self.labels_per_class),
            **given,
        )


def ends(given: int | Range) -> Range:
    """The fewest and the most of a number or a range."""
    return (given, given) if isinstance(given, int) else given


def _drawn(rng: np.random.Generator, given: int | Range) -> int:
    if isinstance(given, int):
        return given
    low, high = np.log(given)
    return round(float(np.exp(rng.uniform(low, high))))


class Task(NamedTuple):
    """`inputs` (classes, examples, N_0) float32, the pool's examples before those kept apart;
    `targets` (classes, examples, T) float32: the one-hot label, centred and of unit norm, then the
    augmentation's amounts, weighted."""

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]


def n_targets(config: TaskConfig) -> int:
    """T, the width of a task's targets."""
    return config.n_classes + (N_TARGETS if config.augmentation.regression_weight > 0 else 0)


def sample_task(
    sources: Sequence[Source],
    config: TaskConfig,
    architecture: Architecture,
    seed: Sequence[int],
) -> Task:
    """The task of that seed: data set, classes, examples, augmentation and permutation.

    `sources` must all fit the architecture (`fitting`).
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

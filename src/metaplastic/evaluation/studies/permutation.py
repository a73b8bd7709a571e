"""Study `permutation`: effect of permuting the inputs on meta-trained features and on
a meta-trained rule.

A prototypical network keeps its meta-trained weights, so it depends on the positions of the pixels;
a rule trains new weights for any order of the inputs. Networks are meta-trained on intact images,
and on images whose pixels are permuted anew in every episode, as in every task of the rule.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from pydantic import Field

from metaplastic.base_model import Conv, ModelSpec, Phi, perceptron, population_statistics
from metaplastic.errors import DataError
from metaplastic.evaluation import results
from metaplastic.evaluation.inner_loop import Network
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.prototypical import Episodes, meta_train, nearest_class
from metaplastic.evaluation.studies.study import (
    Count,
    Study,
    StudySettings,
    known_baselines,
    protocol_key,
)
from metaplastic.evaluation.trials import Trial, draw_labelled, draw_unlabelled, make_trials
from metaplastic.inner_loop import statistics_rows
from metaplastic.tasks import Source, TaskConfig, load_sources

ORDERS = {"intact": False, "permuted": True}  # whether the pixels are permuted
KERNEL, STRIDE, QUADRANTS = 3, 2, 2

Order = Literal["intact", "permuted"]
Kind = Literal["perceptron", "convolutional"]


class PermutationSettings(StudySettings):
    """`sources` are the sources that prototypical networks are meta-trained on; unavailable ones
    are left out. Evaluation seeds use the `meta_seeds` networks in turn."""

    datasets: tuple[str, ...] = Field(
        ("digits@14", "mnist@14", "fashion_mnist@14"),
        min_length=1,
        description="addresses of the data sets, of images",
    )
    sources: tuple[str, ...] = Field(
        ("glyphs", "omniglot@28", "shapes", "imagenet@32", "cifar10@32"),
        min_length=1,
        description="sources of images that prototypical networks are meta-trained on",
    )
    networks: tuple[Kind, ...] = Field(
        ("perceptron", "convolutional"),
        min_length=1,
        description="kinds of network: the base model, or two convolutions pooled over quadrants",
    )
    channels: tuple[Count, Count] = Field((32, 64), description="channels of the two convolutions")
    meta_seeds: int = Field(3, ge=1, description="networks meta-trained per kind")
    episodes: int = Field(
        1000, ge=1, description="episodes of meta-training, each one update by Adam"
    )
    ways: int = Field(10, ge=2, description="classes per episode")
    shots: int = Field(10, ge=1, description="labelled examples per class")
    queries: int = Field(10, ge=1, description="examples to classify per class")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of Adam, with cosine decay")
    baselines: tuple[str, ...] = Field(("raw",), description="names of baselines")


class Permutation(Study):
    """Measures the accuracy of every method on intact images and on permuted images."""

    name = "permutation"
    title = "What reordering the pixels does"
    figure = "metaplastic.figures.permutation"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "sources": ("shapes",),
        "networks": ("perceptron",),
        "meta_seeds": 1,
        "episodes": 2,
        "ways": 2,
    }
    Settings = PermutationSettings

    def __init__(self, context: Any, **chosen: Any) -> None:
        super().__init__(context, **chosen)
        self._trained = functools.cache(self._train)
        self._sources = functools.cache(self._load)

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        networks = len(settings.networks) * len(ORDERS)
        return len(settings.datasets) * (networks + len(ORDERS) * (1 + len(settings.baselines)))

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        datasets = {
            address: self._measure_on(address)
            for address in self.context.available(settings.datasets)
        }
        return {
            "seeds": list(self.config(settings.datasets[0]).seed_list),
            "inner_steps": self.inner_steps(),
            "datasets": datasets,
        }

    def _measure_on(self, address: str) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        shape = self.context.problem(address).shape
        if len(shape) not in (2, 3) or shape[0] != shape[1]:
            raise DataError(f"study {self.name} needs square images; {address} is of shape {shape}")
        points = (0, self.inner_steps())
        configs = {
            order: self.config(address, permuted=permuted, points=points)
            for order, permuted in ORDERS.items()
        }
        curves = {o: self.rule_curve(self.context.rule, c) for o, c in configs.items()}
        methods = {
            "rule": _entry(self.context.rule.plain, {o: c[:, -1] for o, c in curves.items()}),
            "random": _entry("random network", {o: c[:, 0] for o, c in curves.items()}),
        }
        for name in known_baselines(settings.baselines):
            measured = {
                o: self.baseline(name, c, self.search(configs["permuted"]))
                for o, c in configs.items()
            }
            accuracies = {order: entry["accuracy"] for order, entry in measured.items()}
            methods[name] = _entry(measured["intact"]["title"], accuracies)
        for kind in settings.networks:
            for order in ORDERS:
                both = np.array(self._prototypical(kind, order, configs["permuted"]), float).T
                methods[f"prototypical-{kind}-{order}"] = _entry(
                    f"prototypical {kind} network, meta-trained on {order} pixels",
                    dict(zip(ORDERS, both, strict=True)),
                )
        classes = self.context.problem(address).n_classes
        return {"data": self.describe_data(address), "chance": 1 / classes, "methods": methods}

    def _prototypical(self, kind: Kind, order: str, config: FewShotConfig) -> list[Any]:
        """Measure accuracies on intact and on permuted pixels for each seed."""
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        config = self.for_baselines(config)
        problem = self.context.problem(config.dataset)
        side, channels = problem.shape[0], (*problem.shape, 1)[2]
        key = {
            "prototypical": kind,
            "meta_trained_on": order,
            "sources": [source.address for source in self._sources()],
            "meta_seeds": settings.meta_seeds,
            "channels": settings.channels if kind == "convolutional" else None,
            **self._episodes._asdict(),
            **protocol_key(config),
        }

        def compute(seeds: Sequence[int]) -> list[Any]:
            rows = statistics_rows(draw_unlabelled(problem, config.unlabelled))
            trials = [
                make_trials(seeds, problem.train.shape[1], permuted=permuted)
                for permuted in ORDERS.values()
            ]
            accuracies = []
            for of_seed in zip(*trials, strict=True):
                seed = of_seed[0].seed % settings.meta_seeds
                phi = self._trained(kind, order, side, channels, seed)
                accuracies.append([self._accuracy(phi, t, problem, rows, config) for t in of_seed])
            return accuracies

        return self.measured(key, config.seed_list, compute)

    def _accuracy(
        self, phi: Phi, trial: Trial, problem: Problem, rows: Any, config: FewShotConfig
    ) -> float:
        """Measure accuracy with batch-norm statistics of the unlabelled rows, as in all studies."""
        seen = jnp.asarray(rows[:, trial.permutation])
        network = Network(phi, population_statistics(phi, seen), jnp.asarray(trial.permutation))
        labelled = draw_labelled(problem, trial.seed, config.labels_per_class)
        chosen = nearest_class(
            network(problem.train[labelled]),
            problem.train_labels[labelled],
            network(problem.test),
            problem.n_classes,
        )
        return float(np.mean(chosen == problem.test_labels))

    @property
    def _episodes(self) -> Episodes:
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        return Episodes(
            settings.episodes,
            settings.ways,
            settings.shots,
            settings.queries,
            settings.learning_rate,
        )

    def _train(self, kind: Kind, order: str, side: int, channels: int, seed: int) -> Phi:
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        return meta_train(
            self.model(kind, side, channels),
            self._sources(),
            (side, channels),
            self._episodes,
            seed,
            permuted=ORDERS[order],
            progress=self.context.progress,
        )

    def model(self, kind: Kind, side: int, channels: int) -> ModelSpec:
        """Return the base model of a prototypical network for square images."""
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        if kind == "perceptron":
            return perceptron((side * side * channels, *settings.hidden, settings.n_features))
        layers = tuple(Conv(units=n, kernel=KERNEL, stride=STRIDE) for n in settings.channels)
        return ModelSpec(inputs=(side, side, channels), layers=layers, pool=QUADRANTS)

    def _load(self) -> tuple[Source, ...]:
        """Load the available sources. Raises `ConfigError` if one is held out or among the data
        sets of the study, and `DataError` if none is available."""
        settings = self.settings
        assert isinstance(settings, PermutationSettings)
        held_out = (*TaskConfig().held_out, *settings.datasets)
        folder = self.context.data_dir
        sources: list[Source] = []
        for address in dict.fromkeys(settings.sources):
            try:
                sources += load_sources(
                    [address],
                    "meta-train",
                    n_classes=settings.ways,
                    held_out=held_out,
                    data_dir=None if folder is None else Path(folder),
                )
            except DataError as error:
                self.context.notes.append(f"{address} left out of meta-training: {error}")
        if not sources:
            raise DataError(
                "no source to meta-train prototypical networks on is available: "
                f"{self.context.notes[-1]}"
            )
        return tuple(sources)


def _entry(title: str, accuracy: dict[str, Any]) -> dict[str, Any]:
    """Build an entry of accuracies by order of the pixels, and the loss per seed from permuting."""
    numbers = {order: [float(a) for a in accuracy[order]] for order in ORDERS}
    return {
        "title": title,
        **{o: {"accuracy": a, **results.mean_and_error(a)} for o, a in numbers.items()},
        "lost": results.paired_difference(numbers["intact"], numbers["permuted"]),
    }

"""Study `topologies`: base models of a topology that no rule was meta-trained on, on intact images.

A convolution shares a receptive field over positions, and a residual network passes errors along
connections without weights; neither occurs in meta-training. They are compared with the same
networks at random initialisation, perceptrons on whole images, and k-means of patches (Coates and
Ng, 2012), all with the same number of features.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from metaplastic.base_model import Conv, Dense, ModelSpec, residual_perceptron
from metaplastic.errors import DataError
from metaplastic.evaluation import results
from metaplastic.evaluation.studies.study import Count, Study, StudySettings, known_baselines

DATASETS = ("mnist", "fashion_mnist", "cifar10")
REFERENCE = "convolution"


class TopologiesSettings(StudySettings):
    """`datasets` are sets of images, of which `unlabelled` are used; `channels` belong to the two
    convolutions. The last convolution is averaged over four quadrants, so every method has four
    times its channels as features. `blocks` and `width` belong to the residual network."""

    datasets: tuple[str, ...] = Field(
        DATASETS, min_length=1, description="addresses of the data sets, of images"
    )
    unlabelled: int | None = Field(
        5000, ge=2, description="number of unlabelled examples used; null: all"
    )
    channels: tuple[Count, Count] = Field(
        (32, 64), description="channels of the two convolutions; features are four times the last"
    )
    kernel: int = Field(5, ge=1, description="side of the convolutions' receptive fields")
    blocks: int = Field(8, ge=1, description="residual layers of the residual network")
    width: int = Field(128, ge=1, description="units of the residual network's layers")
    baselines: tuple[str, ...] = Field(
        ("kmeans-patches", "kmeans", "pca", "raw"), description="names of baselines"
    )


class Topologies(Study):
    """Measures accuracy before and after the inner loop for each topology."""

    name = "topologies"
    title = "Topologies never meta-trained on"
    figure = "metaplastic.figures.datasets"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "channels": (2, 2),
        "kernel": 3,
        "blocks": 1,
        "width": 4,
        "baselines": ("raw",),
    }
    Settings = TopologiesSettings

    def models(self, shape: tuple[int, ...]) -> dict[str, ModelSpec]:
        """Return the base models for images of that shape. Raises `DataError` for other data."""
        settings = self.settings
        assert isinstance(settings, TopologiesSettings)
        if len(shape) < 2:
            raise DataError(f"study {self.name} needs images, not examples of shape {shape}")
        image = (*shape[:2], shape[2] if len(shape) > 2 else 1)
        n_inputs, features = image[0] * image[1] * image[2], self._features
        convolutions = tuple(
            Conv(units=n, kernel=settings.kernel, stride=2) for n in settings.channels
        )
        perceptron = (*(Dense(units=n) for n in settings.hidden), Dense(units=features))
        return {
            "convolution": ModelSpec(inputs=image, layers=convolutions, pool=2),
            "residual": residual_perceptron(n_inputs, settings.width, settings.blocks, features),
            "perceptron": ModelSpec(inputs=(n_inputs,), layers=perceptron),
        }

    @property
    def _features(self) -> int:
        settings = self.settings
        assert isinstance(settings, TopologiesSettings)
        return 4 * settings.channels[-1]

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, TopologiesSettings)
        return len(settings.datasets) * (
            len(self.models((8, 8, 1))) + len(known_baselines(settings.baselines))
        )

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, TopologiesSettings)
        baselines = known_baselines(settings.baselines)
        datasets: dict[str, Any] = {}
        for address in self.context.available(settings.datasets):
            config = self.config(address, n_features=self._features, permuted=False)
            methods: dict[str, Any] = {}
            for name, model in self.models(self.context.problem(address).shape).items():
                methods |= self._before_and_after(name, model, address)
            search = self.search(config)
            for name in baselines:
                measured = self.baseline(name, config, search)
                methods[name] = {**measured, **results.mean_and_error(measured["accuracy"])}
            final = methods[REFERENCE]["accuracy"]
            for name, entry in methods.items():
                if name != REFERENCE:
                    entry["paired"] = results.paired_difference(final, entry["accuracy"])
            datasets[address] = {"data": self.describe_data(address), "methods": methods}
        seeds = self.config(settings.datasets[0]).seed_list
        return {
            "seeds": list(seeds),
            "base_model": f"{self._features} features",
            "datasets": datasets,
            "reference": REFERENCE,
        }

    def _before_and_after(self, name: str, model: ModelSpec, address: str) -> dict[str, Any]:
        config = self.config(
            address,
            model=model,
            n_features=self._features,
            permuted=False,
            points=(0, self.inner_steps()),
        )
        curve = self.rule_curve(self.context.rule, config)
        entries = {}
        for key, index, stage in (
            (f"random-{name}", 0, "random"),
            (name, -1, f"{config.inner_steps} steps"),
        ):
            accuracy = curve[:, index].tolist()
            entries[key] = {
                "title": f"{name}, {stage}",
                "model": model.model_dump(mode="json"),
                "layers": str(model),
                "ours": index != 0,
                "accuracy": accuracy,
                **results.mean_and_error(accuracy),
            }
        return entries

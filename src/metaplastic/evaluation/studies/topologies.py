"""Study `topologies`: base models of a shape that no rule was meta-trained on, pixels in place.

A convolution shares a receptive field over positions, and a residual network passes errors along
connections without weights; neither was among the tasks of meta-training. Compared with the
same networks at random, whole-image perceptrons, and k-means of patches (Coates and Ng, 2012), all
of as many features.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from metaplastic.base_model import Conv, Dense, ModelSpec, residual_perceptron
from metaplastic.errors import DataError
from metaplastic.evaluation import results
from metaplastic.evaluation.studies.study import Study, StudySettings, known_baselines

DATASETS = ("mnist", "fashion_mnist", "cifar10")
REFERENCE = "convolution"


class TopologiesSettings(StudySettings):
    """`datasets` are of images, each with as much of it as `unlabelled`; `channels` are those of
    the two convolutions, the last read as means over four quadrants, and four times the last is
    the number of features of every method. `blocks` and `width` are those of the residual
    network."""

    datasets: tuple[str, ...] = Field(
        DATASETS, min_length=1, description="addresses of the data sets, of images"
    )
    unlabelled: int | None = Field(
        5000, ge=2, description="how many unlabelled examples are used; null: all"
    )
    channels: tuple[int, int] = Field(
        (32, 64), description="of the two convolutions; every method has four times the last"
    )
    kernel: int = Field(5, ge=1, description="side of the convolutions' receptive fields")
    blocks: int = Field(8, ge=1, description="residual layers of the residual network")
    width: int = Field(128, ge=1, description="units of the residual network's layers")
    rivals: tuple[str, ...] = Field(
        ("kmeans-patches", "kmeans", "pca", "raw"), description="baselines by name"
    )


class Topologies(Study):
    """Accuracy before and after the inner loop, topology by topology."""

    name = "topologies"
    title = "Topologies never meta-trained on"
    figure = "metaplastic.figures.datasets"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "channels": (2, 2),
        "kernel": 3,
        "blocks": 1,
        "width": 4,
        "rivals": ("raw",),
    }
    Settings = TopologiesSettings

    def models(self, shape: tuple[int, ...]) -> dict[str, ModelSpec]:
        """The base models for images of that shape. Raises `DataError` for what is no image."""
        own = self.settings
        assert isinstance(own, TopologiesSettings)
        if len(shape) < 2:
            raise DataError(f"study {self.name} needs images; examples of shape {shape} are none")
        image = (*shape[:2], shape[2] if len(shape) > 2 else 1)
        n_inputs, features = image[0] * image[1] * image[2], self._features
        convolutions = tuple(Conv(units=n, kernel=own.kernel, stride=2) for n in own.channels)
        perceptron = (*(Dense(units=n) for n in own.hidden), Dense(units=features))
        return {
            "convolution": ModelSpec(inputs=image, layers=convolutions, pool=2),
            "residual": residual_perceptron(n_inputs, own.width, own.blocks, features),
            "perceptron": ModelSpec(inputs=(n_inputs,), layers=perceptron),
        }

    @property
    def _features(self) -> int:
        own = self.settings
        assert isinstance(own, TopologiesSettings)
        return 4 * own.channels[-1]

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, TopologiesSettings)
        return len(own.datasets) * (len(self.models((8, 8, 1))) + len(known_baselines(own.rivals)))

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, TopologiesSettings)
        baselines = known_baselines(own.rivals)
        found: dict[str, Any] = {}
        for address in self.context.available(own.datasets):
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
            found[address] = {"data": self.describe_data(address), "methods": methods}
        seeds = self.config(own.datasets[0]).seed_list
        return {
            "seeds": list(seeds),
            "base_model": f"{self._features} features",
            "datasets": found,
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
        for key, place, what in (
            (f"random-{name}", 0, "random"),
            (name, -1, f"{config.inner_steps} steps"),
        ):
            accuracy = curve[:, place].tolist()
            entries[key] = {
                "title": f"{name}, {what}",
                "model": model.model_dump(mode="json"),
                "layers": str(model),
                "ours": place != 0,
                "accuracy": accuracy,
                **results.mean_and_error(accuracy),
            }
        return entries

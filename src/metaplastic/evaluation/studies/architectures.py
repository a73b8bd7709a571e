"""Study `architectures` (figure 2, left): depths, widths and activations that no rule was
meta-trained on."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from metaplastic.base_model import perceptron
from metaplastic.evaluation import results
from metaplastic.evaluation.inner_loop import memory_of
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.curves import curve_of, eighths
from metaplastic.evaluation.studies.study import Count, Study, StudySettings


class ArchitecturesSettings(StudySettings):
    """`depths` count layers of weights, with `depth_units` in every hidden layer; `widths` are the
    units of a single hidden layer. Every pair of `grid_depths` and `grid_widths` is a network."""

    dataset: str = Field("mnist@14", description="address of the data set")
    depths: tuple[Count, ...] = Field(
        (1, 2, 3, 5, 8, 11), description="numbers of layers of weights"
    )
    depth_units: int = Field(
        64, ge=1, description="units of every hidden layer in the sweep of depths"
    )
    widths: tuple[Count, ...] = Field(
        (64, 256, 1024, 4096, 10_000),
        description="units of the single hidden layer in the sweep of widths",
    )
    activations: tuple[str, ...] = Field(
        (
            "relu",
            "leaky_relu",
            "swish",
            "gelu",
            "tanh",
            "sigmoid",
            "sin",
            "step",
        ),
        description="activations of the base model",
    )
    grid_depths: tuple[Count, ...] = Field(
        (2, 5, 11), description="numbers of layers of weights, combined with all grid_widths"
    )
    grid_widths: tuple[Count, ...] = Field(
        (64, 256, 1024), description="units of every hidden layer, combined with all grid_depths"
    )
    grid_seeds: int = Field(3, ge=1, description="number of seeds for the networks of the grid")
    memory_gib: float = Field(
        8.0, gt=0, description="memory limit; networks that need more are left out and listed"
    )


class Architectures(Study):
    """Measures accuracy along the inner loop for depths, widths and activations; raw inputs."""

    name = "architectures"
    title = "Other depths, widths and activations"
    figure = "metaplastic.figures.architectures"
    example: ClassVar[dict[str, Any]] = {
        "dataset": "digits",
        "depths": (1,),
        "depth_units": 8,
        "widths": (8, 12),
        "activations": ("relu", "step"),
        "grid_depths": (1,),
        "grid_widths": (8,),
    }
    Settings = ArchitecturesSettings

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, ArchitecturesSettings)
        grid = len(settings.grid_depths) * len(settings.grid_widths)
        return 1 + len(settings.depths) + len(settings.widths) + len(settings.activations) + grid

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, ArchitecturesSettings)
        depths = [
            self._curve(f"{depth}", depth, hidden=(settings.depth_units,) * (depth - 1))
            for depth in settings.depths
        ]
        widths = [self._curve(f"{width:,}", width, hidden=(width,)) for width in settings.widths]
        activations = [
            self._curve(activation, activation, activation=activation)
            for activation in settings.activations
        ]
        config = self.config(settings.dataset)
        raw = self.baseline("raw", config, self.search(config))
        return {
            "seeds": list(config.seed_list),
            "data": self.describe_data(settings.dataset),
            "horizon": self.inner_steps(),
            "depths": depths,
            "widths": widths,
            "activations": activations,
            "grid": self._grid(),
            "raw": {**raw, **results.mean_and_error(raw["accuracy"])},
        }

    def _grid(self) -> list[dict[str, Any]]:
        """Measure the grid of depths and widths, the cheapest first; too large ones are noted."""
        settings = self.settings
        assert isinstance(settings, ArchitecturesSettings)
        curves, left_out = [], []
        for width in sorted(set(settings.grid_widths)):
            for depth in sorted(set(settings.grid_depths)):
                hidden = (width,) * (depth - 1)
                needed = self._gib(self.config(settings.dataset, hidden=hidden))
                if needed > settings.memory_gib:
                    left_out.append(f"{depth} layers of {width:,} units ({needed:.1f} GiB)")
                    continue
                curve = self._curve(f"{depth}", depth, hidden=hidden, seeds=settings.grid_seeds)
                curves.append({**curve, "width": width, "gib": round(needed, 2)})
        if left_out:
            self.context.notes.append(
                f"left out, as they need more than {settings.memory_gib:g} GiB of memory: "
                f"{', '.join(left_out)}"
            )
        return curves

    def _gib(self, config: FewShotConfig) -> float:
        """Estimate the memory that one seed of a network needs, in GiB."""
        inputs = self.context.problem(config.dataset).train.shape[1]
        model = perceptron((inputs, *config.hidden, config.n_features), config.activation)
        return memory_of(model, config.batch_size) / 2**30

    def _curve(self, label: str, value: int | str, **changes: Any) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, ArchitecturesSettings)
        changes.setdefault("points", eighths(self.inner_steps()))
        config = self.config(settings.dataset, **changes)
        curve = self.rule_curve(self.context.rule, config)
        entry = curve_of(self.context.rule, curve, config, value=value)
        sizes = [*config.hidden, config.n_features]
        return {**entry, "label": label, "layers": sizes, "activation": config.activation}

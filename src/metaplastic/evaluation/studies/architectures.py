"""Study `architectures` (figure 2, left): networks deep and wide, and activations, that no rule was
meta-trained on."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from metaplastic.base_model import perceptron
from metaplastic.evaluation import results
from metaplastic.evaluation.inner_loop import memory_of
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.curves import curve_of, eighths
from metaplastic.evaluation.studies.study import Study, StudySettings


class ArchitecturesSettings(StudySettings):
    """`depths` count layers of weights, all hidden ones of `depth_units`; `widths` are those of
    one hidden layer. Of `grid_depths` and `grid_widths` every pair is a network."""

    dataset: str = Field("mnist@14", description="address of the data set")
    depths: tuple[int, ...] = Field(
        (1, 2, 3, 5, 8, 11), description="numbers of layers of weights that are tried"
    )
    depth_units: int = Field(64, ge=1, description="units of every hidden layer, for depths")
    widths: tuple[int, ...] = Field(
        (64, 256, 1024, 4096, 10_000), description="units of the one hidden layer that are tried"
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
        description="activations that are tried",
    )
    grid_depths: tuple[int, ...] = Field(
        (2, 5, 11), description="numbers of layers of weights, each with each of grid_widths"
    )
    grid_widths: tuple[int, ...] = Field(
        (64, 256, 1024), description="units of every hidden layer, with each of grid_depths"
    )
    grid_seeds: int = Field(3, ge=1, description="how many seeds for these networks")
    memory_gib: float = Field(
        8.0, gt=0, description="networks that would take more are left out and named"
    )


class Architectures(Study):
    """Accuracy along the inner loop against depth, width and activation; the inputs themselves."""

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
        own = self.settings
        assert isinstance(own, ArchitecturesSettings)
        grid = len(own.grid_depths) * len(own.grid_widths)
        return 1 + len(own.depths) + len(own.widths) + len(own.activations) + grid

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, ArchitecturesSettings)
        depths = [
            self._curve(f"{depth}", depth, hidden=(own.depth_units,) * (depth - 1))
            for depth in own.depths
        ]
        widths = [self._curve(f"{width:,}", width, hidden=(width,)) for width in own.widths]
        activations = [
            self._curve(activation, activation, activation=activation)
            for activation in own.activations
        ]
        config = self.config(own.dataset)
        raw = self.baseline("raw", config, self.search(config))
        return {
            "seeds": list(config.seed_list),
            "data": self.describe_data(own.dataset),
            "horizon": self.inner_steps(),
            "depths": depths,
            "widths": widths,
            "activations": activations,
            "grid": self._grid(),
            "raw": {**raw, **results.mean_and_error(raw["accuracy"])},
        }

    def _grid(self) -> list[dict[str, Any]]:
        """Networks that are deep and wide, the cheapest first; those too large are noted."""
        own = self.settings
        assert isinstance(own, ArchitecturesSettings)
        found, left_out = [], []
        for width in sorted(set(own.grid_widths)):
            for depth in sorted(set(own.grid_depths)):
                hidden = (width,) * (depth - 1)
                needed = self._gib(self.config(own.dataset, hidden=hidden))
                if needed > own.memory_gib:
                    left_out.append(f"{depth} layers of {width:,} units ({needed:.1f} GiB)")
                    continue
                curve = self._curve(f"{depth}", depth, hidden=hidden, seeds=own.grid_seeds)
                found.append({**curve, "width": width, "gib": round(needed, 2)})
        if left_out:
            self.context.notes.append(
                f"left out for their memory, above {own.memory_gib:g} GiB: {', '.join(left_out)}"
            )
        return found

    def _gib(self, config: FewShotConfig) -> float:
        """What one seed of a network takes of memory, roughly."""
        inputs = self.context.problem(config.dataset).train.shape[1]
        model = perceptron((inputs, *config.hidden, config.n_features), config.activation)
        return memory_of(model, config.batch_size) / 2**30

    def _curve(self, label: str, value: int | str, **changes: Any) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, ArchitecturesSettings)
        changes.setdefault("points", eighths(self.inner_steps()))
        config = self.config(own.dataset, **changes)
        curve = self.rule_curve(self.context.rule, config)
        found = curve_of(self.context.rule, curve, config, value=value)
        sizes = [*config.hidden, config.n_features]
        return {**found, "label": label, "layers": sizes, "activation": config.activation}

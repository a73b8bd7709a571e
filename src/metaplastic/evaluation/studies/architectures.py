"""Study `architectures` (figure 2, left): depths, widths and activations never meta-trained on."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from metaplastic.evaluation.studies.curves import curve_of, eighths
from metaplastic.evaluation.studies.study import Study, StudySettings


class ArchitecturesSettings(StudySettings):
    """`depths` count layers of weights, all hidden ones of `depth_units`; `widths` are those of
    one hidden layer."""

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


class Architectures(Study):
    """Accuracy along the inner loop against depth, width and activation."""

    name = "architectures"
    title = "Other depths, widths and activations"
    figure = "metaplastic.figures.architectures"
    example: ClassVar[dict[str, Any]] = {
        "dataset": "digits",
        "depths": (1,),
        "depth_units": 8,
        "widths": (8, 12),
        "activations": ("relu", "step"),
    }
    Settings = ArchitecturesSettings

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, ArchitecturesSettings)
        return len(own.depths) + len(own.widths) + len(own.activations)

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
        return {
            "seeds": list(self.config(own.dataset).seed_list),
            "data": self.describe_data(own.dataset),
            "horizon": self.inner_steps(),
            "depths": depths,
            "widths": widths,
            "activations": activations,
        }

    def _curve(self, label: str, value: int | str, **changes: Any) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, ArchitecturesSettings)
        changes.setdefault("points", eighths(self.inner_steps()))
        config = self.config(own.dataset, **changes)
        curve = self.rule_curve(self.context.rule, config)
        found = curve_of(self.context.rule, curve, config, value=value)
        sizes = [*config.hidden, config.n_features]
        return {**found, "label": label, "layers": sizes, "activation": config.activation}

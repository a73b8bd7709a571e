"""Study `filters` (figure 2, right): receptive fields of the first layer, in the inputs' order."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.evaluation.inner_loop import Network, run_inner_loop
from metaplastic.evaluation.named_rule import NamedRule
from metaplastic.evaluation.studies.study import Study, StudySettings, protocol_key
from metaplastic.evaluation.trials import draw_unlabelled, make_trials


class FiltersSettings(StudySettings):
    """The paper drew its filters after 10,000 inner steps."""

    datasets: tuple[str, ...] = Field(
        ("mnist", "cifar10"), min_length=1, description="addresses of the data sets"
    )
    seeds: int = Field(1, ge=1, le=1, description="a picture shows one seed")
    rungs: int = Field(4, ge=1, description="most rules of the run's ladder")
    shown: int = Field(16, ge=1, description="receptive fields kept of each network")
    longer: float = Field(5.0, gt=0, description="inner steps, in multiples of the horizon")


class Filters(Study):
    """First-layer filters of one network before the first inner step and after the last, for
    every rule of a run's ladder."""

    name = "filters"
    title = "Receptive fields of the first layer"
    figure = "metaplastic.figures.filters"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "seeds": 1,
        "shown": 3,
        "rungs": 2,
    }
    one_seed = True
    Settings = FiltersSettings

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, FiltersSettings)
        return len(own.datasets) * (1 + len(self.context.ladder(own.rungs)))

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, FiltersSettings)
        steps = max(1, round(self.inner_steps() * own.longer))
        found: dict[str, Any] = {}
        for address in self.context.available(own.datasets):
            ladder = self.context.ladder(own.rungs)
            rows = [
                {"label": "before", "meta_steps": None, "filters": self._of(ladder[0], address, 0)}
            ]
            rows += [
                {
                    "label": rule.label,
                    "meta_steps": rule.meta_steps,
                    "filters": self._of(rule, address, steps),
                }
                for rule in ladder
            ]
            shape = list(self.context.problem(address).shape)
            found[address] = {"data": self.describe_data(address), "shape": shape, "rows": rows}
        return {"seeds": [0], "inner_steps": steps, "datasets": found}

    def _of(self, rule: NamedRule, address: str, steps: int) -> list[dict[str, Any]]:
        own = self.settings
        assert isinstance(own, FiltersSettings)
        config = self.config(address, rule)
        key = {
            "filters": rule.fingerprint if steps else "before",
            "coding": "int8",
            "steps": steps,
            "shown": own.shown,
            **protocol_key(config),
        }

        def compute(seeds: Any) -> list[Any]:
            inputs = draw_unlabelled(self.context.problem(address), config.unlabelled)
            loop = run_inner_loop(
                rule.rule,
                inputs,
                make_trials(seeds, inputs.shape[1]),
                (steps,),
                hidden=config.hidden,
                n_features=config.n_features,
                batch_size=config.batch_size,
                progress=self.context.progress,
            )
            return [
                receptive_fields(network, own.shown)
                for _, networks, _ in loop
                for network in networks
            ]

        return self.measured(key, (0,), compute)[0]


def receptive_fields(network: Network, count: int) -> list[dict[str, Any]]:
    """The first `count` columns of W^1, rows put back in the order of the inputs, as `coded`."""
    weights = np.asarray(network.phi.weights[0])[:, :count]
    ordered = np.empty_like(weights)
    ordered[np.asarray(network.permutation)] = weights
    return [coded(field) for field in ordered.T]


def coded(field: NDArray[np.floating]) -> dict[str, Any]:
    """A receptive field (d,) in 256 levels, so that a file of many stays small: weights are
    largest / 127 times the signed bytes of `int8` (base64)."""
    largest = float(np.abs(field).max())
    levels = np.round(field * (127 / largest if largest > 0 else 0.0)).astype(np.int8)
    text = base64.b64encode(levels.tobytes()).decode()
    return {"largest": round(largest, 6), "int8": text}

"""Study `filters` (figure 2, right): receptive fields of the first layer, in the inputs' order."""

from __future__ import annotations

import base64
import functools
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.evaluation.inner_loop import Network, run_inner_loop
from metaplastic.evaluation.named_rule import NamedRule
from metaplastic.evaluation.receptive_fields import LOCALITY_ROWS, MEASURES, locality
from metaplastic.evaluation.studies.study import Study, StudySettings, protocol_key
from metaplastic.evaluation.trials import draw_unlabelled, make_trials


class FiltersSettings(StudySettings):
    """The paper drew its filters after 10,000 inner steps."""

    datasets: tuple[str, ...] = Field(
        ("mnist", "cifar10"), min_length=1, description="addresses of the data sets"
    )
    seeds: int = Field(1, ge=1, le=1, description="a picture shows one seed")
    rungs: int = Field(4, ge=1, description="most rules of the run's ladder, beside meta-step 0")
    shown: int = Field(16, ge=1, description="receptive fields kept of each network")
    points: tuple[int, ...] = Field(
        (100, 1000, 10_000),
        min_length=1,
        description="inner steps after which fields are measured; the last are drawn",
    )


class Filters(Study):
    """First-layer filters of one network before the first inner step and after the last, for
    the rule at meta-step 0 and every rule of a run's ladder; how local they are."""

    name = "filters"
    title = "Receptive fields of the first layer"
    figure = "metaplastic.figures.filters"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "seeds": 1,
        "shown": 3,
        "rungs": 2,
        "points": (2, 20),
    }
    one_seed = True
    Settings = FiltersSettings

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, FiltersSettings)
        return len(own.datasets) * (1 + len(self.rules))

    @functools.cached_property
    def rules(self) -> list[NamedRule]:
        """Meta-step 0, where the run records it, and rungs of its ladder."""
        own = self.settings
        assert isinstance(own, FiltersSettings)
        return [*self.context.start(), *self.context.ladder(own.rungs)]

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, FiltersSettings)
        points = sorted({max(1, point) for point in own.points})
        found: dict[str, Any] = {}
        for address in self.context.available(own.datasets):
            before = self._of(self.rules[-1], address, [0])
            rows = [{"label": "before", "meta_steps": None, **before}]
            rows += [
                {
                    "label": rule.label,
                    "meta_steps": rule.meta_steps,
                    **self._of(rule, address, points),
                }
                for rule in self.rules
            ]
            problem = self.context.problem(address)
            found[address] = {
                "data": self.describe_data(address),
                "shape": list(problem.shape),
                "rows": rows,
                "of_the_data": locality(problem.train[:LOCALITY_ROWS].T, problem),
            }
        return {"seeds": [0], "inner_steps": points[-1], "points": points, "datasets": found}

    def _of(self, rule: NamedRule, address: str, points: list[int]) -> dict[str, Any]:
        """Fields after the last of the inner steps, and how local all units' are after each."""
        own = self.settings
        assert isinstance(own, FiltersSettings)
        config = self.config(address)
        key = {
            "filters": rule.fingerprint if points[-1] else "before",
            "coding": "int8",
            "measured": list(MEASURES),
            "points": points,
            "shown": own.shown,
            **protocol_key(config),
        }

        def compute(seeds: Any) -> list[Any]:
            problem = self.context.problem(address)
            inputs = draw_unlabelled(problem, config.unlabelled)
            loop = run_inner_loop(
                rule.rule,
                inputs,
                make_trials(seeds, inputs.shape[1]),
                points,
                hidden=config.hidden,
                n_features=config.n_features,
                batch_size=config.batch_size,
                progress=self.context.progress,
            )
            fields = [receptive_fields(networks[0]) for _, networks, _ in loop]
            return [
                {
                    "filters": [coded(field) for field in fields[-1].T[: own.shown]],
                    "measures": [locality(each, problem) for each in fields],
                }
            ]

        return {"points": points, **self.measured(key, (0,), compute)[0]}


def receptive_fields(network: Network) -> NDArray[np.floating]:
    """W^1 (N_0, N_1), rows put back in the order of the inputs."""
    weights = np.asarray(network.phi.weights[0])
    ordered = np.empty_like(weights)
    ordered[np.asarray(network.permutation)] = weights
    return ordered


def coded(field: NDArray[np.floating]) -> dict[str, Any]:
    """A receptive field (d,) in 256 levels, so that a file of many stays small: weights are
    largest / 127 times the signed bytes of `int8` (base64)."""
    largest = float(np.abs(field).max())
    levels = np.round(field * (127 / largest if largest > 0 else 0.0)).astype(np.int8)
    text = base64.b64encode(levels.tobytes()).decode()
    return {"largest": round(largest, 6), "int8": text}

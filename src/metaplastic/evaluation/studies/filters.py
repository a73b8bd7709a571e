"""Study `filters` (figure 2, right): receptive fields of the first layer, in input order."""

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
from metaplastic.evaluation.studies.study import Count, Study, StudySettings, protocol_key
from metaplastic.evaluation.trials import draw_unlabelled, make_trials


class FiltersSettings(StudySettings):
    """Settings of study `filters`; the paper shows filters after 10,000 inner steps."""

    datasets: tuple[str, ...] = Field(
        ("mnist", "cifar10"), min_length=1, description="addresses of the data sets"
    )
    seeds: int = Field(1, ge=1, le=1, description="number of seeds; the figure shows one")
    rungs: int = Field(
        4, ge=1, description="maximum number of rules along the run, besides meta-step 0"
    )
    shown: int = Field(16, ge=1, description="receptive fields stored for each network")
    points: tuple[Count, ...] = Field(
        (100, 1000, 10_000),
        min_length=1,
        description="inner steps after which fields are measured; the last one is drawn",
    )


class Filters(Study):
    """Measures first-layer filters of one network, and how local they are, before the first inner
    step and after the last, for the rule at meta-step 0 and rules along a run."""

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
        settings = self.settings
        assert isinstance(settings, FiltersSettings)
        return len(settings.datasets) * (1 + len(self.rules))

    @functools.cached_property
    def rules(self) -> list[NamedRule]:
        """Return the rule at meta-step 0, if the run records it, and rules along the run."""
        settings = self.settings
        assert isinstance(settings, FiltersSettings)
        return [*self.context.start(), *self.context.ladder(settings.rungs)]

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, FiltersSettings)
        points = sorted(set(settings.points))
        datasets: dict[str, Any] = {}
        for address in self.context.available(settings.datasets):
            before = self._fields(self.rules[-1], address, [0])
            rows = [{"label": "before", "meta_steps": None, **before}]
            rows += [
                {
                    "label": rule.label,
                    "meta_steps": rule.meta_steps,
                    **self._fields(rule, address, points),
                }
                for rule in self.rules
            ]
            problem = self.context.problem(address)
            datasets[address] = {
                "data": self.describe_data(address),
                "shape": list(problem.shape),
                "rows": rows,
                "of_the_data": locality(problem.train[:LOCALITY_ROWS].T, problem),
            }
        return {"seeds": [0], "inner_steps": points[-1], "points": points, "datasets": datasets}

    def _fields(self, rule: NamedRule, address: str, points: list[int]) -> dict[str, Any]:
        """Return fields after the last of `points`, and how local all units' fields are at each."""
        settings = self.settings
        assert isinstance(settings, FiltersSettings)
        config = self.config(address)
        key = {
            "filters": rule.fingerprint if points[-1] else "before",
            "coding": "int8",
            "measured": list(MEASURES),
            "points": points,
            "shown": settings.shown,
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
                    "filters": [coded(field) for field in fields[-1].T[: settings.shown]],
                    "measures": [locality(field, problem) for field in fields],
                }
            ]

        return {"points": points, **self.measured(key, (0,), compute)[0]}


def receptive_fields(network: Network) -> NDArray[np.floating]:
    """Return W^1 (N_0, N_1) with rows in the original order of the inputs."""
    weights = np.asarray(network.phi.weights[0])
    ordered = np.empty_like(weights)
    ordered[np.asarray(network.permutation)] = weights
    return ordered


def coded(field: NDArray[np.floating]) -> dict[str, Any]:
    """Encode a receptive field (d,) with 256 levels to keep files small: weights are largest / 127
    times the signed bytes of `int8` (base64)."""
    largest = float(np.abs(field).max())
    levels = np.round(field * (127 / largest if largest > 0 else 0.0)).astype(np.int8)
    text = base64.b64encode(levels.tobytes()).decode()
    return {"largest": round(largest, 6), "int8": text}

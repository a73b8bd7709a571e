"""Study `text` (figure 1, right): the rules of a ladder on bags of words."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.studies.curves import curve_of, eighths
from metaplastic.evaluation.studies.study import Study, StudySettings, known_baselines


class TextSettings(StudySettings):
    """`longer` times the horizon is how far the inner loop goes."""

    dataset: str = Field("imdb", description="address of the data set")
    rungs: int = Field(6, ge=1, description="most rules of the run's ladder")
    longer: float = Field(2.0, gt=0, description="inner steps, in multiples of the horizon")
    rivals: tuple[str, ...] = Field(
        (), description="baselines by name; an empty list: all that are installed"
    )


class Text(Study):
    """Accuracy along the inner loop for every rule of a run's ladder, beside the baselines."""

    name = "text"
    title = "Transfer to text: IMDB reviews as a bag of 1,000 words"
    figure = "metaplastic.figures.text"
    example: ClassVar[dict[str, Any]] = {
        "dataset": "digits",
        "rivals": ("random", "raw", "pca"),
        "rungs": 2,
    }
    Settings = TextSettings

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, TextSettings)
        return len(self.context.ladder(own.rungs)) + len(known_baselines(own.rivals))

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, TextSettings)
        baselines = known_baselines(own.rivals)
        far = max(1, round(self.inner_steps() * own.longer))
        config = self.config(own.dataset, points=eighths(far))
        self.context.problem(own.dataset)
        curves = [
            curve_of(rule, self.rule_curve(rule, config), config)
            for rule in self.context.ladder(own.rungs)
        ]
        search = self.search(config)
        methods = {}
        for name in baselines:
            measured = self.baseline(name, config, search)
            methods[name] = {**measured, **results.mean_and_error(measured["accuracy"])}
        return {
            "seeds": list(config.seed_list),
            "data": self.describe_data(own.dataset),
            "horizon": self.inner_steps(),
            "curves": curves,
            "rivals": methods,
        }

"""Study `text` (figure 1, right): the rules of a ladder on bags of words."""

from __future__ import annotations

import functools
import sys
from typing import Any, ClassVar

from pydantic import Field

from metaplastic.errors import ConfigError
from metaplastic.evaluation import results
from metaplastic.evaluation.named_rule import NamedRule, spread
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.curves import curve_of, eighths
from metaplastic.evaluation.studies.study import Study, StudySettings, known_baselines
from metaplastic.evaluation.trained_on import saw_beside_images, saw_images_alone


class TextSettings(StudySettings):
    """`longer` times the horizon is how far the inner loop goes."""

    dataset: str = Field("imdb", description="address of the data set")
    rungs: int = Field(
        6,
        ge=1,
        description="most rules of the run's ladder, beside meta-step 0 and the last rule that saw "
        "images alone",
    )
    images_only: bool = Field(
        False, description="only rules that were meta-trained on images alone, as the paper's were"
    )
    longer: float = Field(2.0, gt=0, description="inner steps, in multiples of the horizon")
    rivals: tuple[str, ...] = Field(
        (), description="baselines by name; an empty list: all that are installed"
    )


class Text(Study):
    """Accuracy along the inner loop for rules from meta-step 0 on, beside the baselines; what each
    gains on the random network, seed by seed."""

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
        return len(self.rules) + len(known_baselines(own.rivals))

    @functools.cached_property
    def rules(self) -> list[NamedRule]:
        """Meta-step 0, where the run records it, and rungs of its ladder; the last rung that saw
        images alone is among them. Raises `ConfigError` where `images_only` leaves none."""
        own = self.settings
        assert isinstance(own, TextSettings)
        every = self.context.ladder(sys.maxsize)
        alone = [rule for rule in every if saw_images_alone(rule)]
        if own.images_only and not alone:
            raise ConfigError(
                f"images_only: no rule of {self.context.rule.name} was meta-trained on images "
                "alone; give the run of one by --rule, as `metaplastic meta-train --preset seed` "
                "makes it"
            )
        rules = spread(alone if own.images_only else every, own.rungs)
        if alone and all(rule is not alone[-1] for rule in rules):
            after = sum((rule.meta_steps or 0) < (alone[-1].meta_steps or 0) for rule in rules)
            rules = [*rules[:after], alone[-1], *rules[after:]]
        return [*self.context.start(), *rules]

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, TextSettings)
        baselines = known_baselines(own.rivals)
        far = max(1, round(self.inner_steps() * own.longer))
        config = self.config(own.dataset, points=eighths(far))
        self.context.problem(own.dataset)
        self._note(self.rules)
        curves = [self._curve(rule, config) for rule in self.rules]
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

    def _curve(self, rule: NamedRule, config: FewShotConfig) -> dict[str, Any]:
        curve = self.rule_curve(rule, config)
        before = curve[:, 0].tolist()
        return curve_of(
            rule,
            curve,
            config,
            training_data=list(rule.training_data),
            images_alone=saw_images_alone(rule),
            gain=[results.paired_difference(list(column), before) for column in curve.T],
        )

    def _note(self, rules: list[NamedRule]) -> None:
        """Whose transfer is not that of images alone."""
        others = sorted({name for rule in rules for name in saw_beside_images(rule)})
        if not others:
            return
        alone = [rule.meta_steps or 0 for rule in rules if saw_images_alone(rule)]
        last = f"; the last that had not is of meta-step {max(alone):,}" if alone else ""
        self.context.notes.append(
            f"not all of these rules saw images alone, as the paper's did: some had met "
            f"{', '.join(others)} too{last}"
        )

"""Study `text` (figure 1, right): rules along a run, evaluated on bags of words."""

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
from metaplastic.evaluation.trained_on import non_image_sources, trained_on_images_only


class TextSettings(StudySettings):
    """The inner loop runs for `longer` times the horizon."""

    dataset: str = Field("imdb", description="address of the data set")
    rungs: int = Field(
        6,
        ge=1,
        description="maximum number of rules along the run, besides meta-step 0 and the last rule "
        "that was meta-trained on images only",
    )
    images_only: bool = Field(
        False, description="use only rules that were meta-trained on images only, as in the paper"
    )
    longer: float = Field(2.0, gt=0, description="inner steps, in multiples of the horizon")
    baselines: tuple[str, ...] = Field(
        (), description="names of baselines; an empty list: all that are installed"
    )


class Text(Study):
    """Measures accuracy along the inner loop for rules from meta-step 0 on, and for baselines; and
    the gain of each rule over the random network, seed by seed."""

    name = "text"
    title = "Transfer to text: IMDB reviews as a bag of 1,000 words"
    figure = "metaplastic.figures.text"
    example: ClassVar[dict[str, Any]] = {
        "dataset": "digits",
        "baselines": ("random", "raw", "pca"),
        "rungs": 2,
    }
    Settings = TextSettings

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, TextSettings)
        return len(self.rules) + len(known_baselines(settings.baselines))

    @functools.cached_property
    def rules(self) -> list[NamedRule]:
        """Return the rule at meta-step 0, if the run records it, and rules along the run, including
        the last one meta-trained on images only. Raises `ConfigError` if `images_only` leaves
        none."""
        settings = self.settings
        assert isinstance(settings, TextSettings)
        all_rules = self.context.ladder(sys.maxsize)
        images_only = [rule for rule in all_rules if trained_on_images_only(rule)]
        if settings.images_only and not images_only:
            raise ConfigError(
                f"images_only: no rule of {self.context.rule.name} was meta-trained on images "
                "only; give such a run with --rule, for example one of `metaplastic meta-train "
                "--preset seed`"
            )
        rules = spread(images_only if settings.images_only else all_rules, settings.rungs)
        if images_only and all(rule is not images_only[-1] for rule in rules):
            position = sum(
                (rule.meta_steps or 0) < (images_only[-1].meta_steps or 0) for rule in rules
            )
            rules = [*rules[:position], images_only[-1], *rules[position:]]
        return [*self.context.start(), *rules]

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, TextSettings)
        baselines = known_baselines(settings.baselines)
        last_step = max(1, round(self.inner_steps() * settings.longer))
        config = self.config(settings.dataset, points=eighths(last_step))
        self.context.problem(settings.dataset)
        self._note_training_data(self.rules)
        curves = [self._curve(rule, config) for rule in self.rules]
        search = self.search(config)
        methods = {}
        for name in baselines:
            measured = self.baseline(name, config, search)
            methods[name] = {**measured, **results.mean_and_error(measured["accuracy"])}
        return {
            "seeds": list(config.seed_list),
            "data": self.describe_data(settings.dataset),
            "horizon": self.inner_steps(),
            "curves": curves,
            "rivals": methods,  # the baselines; the key of committed results files
        }

    def _curve(self, rule: NamedRule, config: FewShotConfig) -> dict[str, Any]:
        curve = self.rule_curve(rule, config)
        before = curve[:, 0].tolist()
        return curve_of(
            rule,
            curve,
            config,
            training_data=list(rule.training_data),
            images_alone=trained_on_images_only(rule),
            gain=[results.paired_difference(list(column), before) for column in curve.T],
        )

    def _note_training_data(self, rules: list[NamedRule]) -> None:
        """Note the rules that were meta-trained on more than images."""
        others = sorted({name for rule in rules for name in non_image_sources(rule)})
        if not others:
            return
        images_only = [rule.meta_steps or 0 for rule in rules if trained_on_images_only(rule)]
        last = (
            f"; the last one on images only is at meta-step {max(images_only):,}"
            if images_only
            else ""
        )
        self.context.notes.append(
            "unlike in the paper, some of these rules were meta-trained on more than images: "
            f"{', '.join(others)}{last}"
        )

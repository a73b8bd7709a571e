"""Study `learned`: what meta-training gave the rule, what is built in, and which parts it needs.

The rule is compared with the random network, the rule at meta-step 0 (θ as initialised), the rules
saved along its run, the rule with each of its parts switched off, and further rules given by name,
such as rules meta-trained without a part or from other meta-seeds. All are evaluated after the same
number of inner steps, with minibatches of the rule's own size.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from pydantic import Field

from metaplastic.errors import ConfigError, unknown_name
from metaplastic.evaluation import results
from metaplastic.evaluation.ablations import drawn, parts_of, theta_as_numbers
from metaplastic.evaluation.named_rule import NamedRule, named_rule
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.study import Study, StudySettings

DATASETS = ("digits", "mnist@14", "fashion_mnist@14", "imdb")
REFERENCE = "rule"
ALL, NONE = "all", "none"


class Row(NamedTuple):
    """One row of the results: its title, its kind, and its rules; several rules if they differ
    only in the initialisation or meta-seed of θ."""

    title: str
    kind: str
    rules: tuple[NamedRule, ...]


class LearnedSettings(StudySettings):
    """Settings of study `learned`."""

    datasets: tuple[str, ...] = Field(
        DATASETS, min_length=1, description="addresses of the data sets"
    )
    draws: int = Field(5, ge=1, description="number of initialisations of θ at meta-step 0")
    rungs: int = Field(6, ge=0, description="rules along the run, besides the rule itself")
    parts: tuple[str, ...] = Field(
        (ALL,), description="names of parts of the rule to switch off; or all, or none"
    )
    rules: tuple[str, ...] = Field(
        (),
        description="further rules as NAME=PATH; rules of the same name are different meta-seeds, "
        "whose spread is reported",
    )


class Learned(Study):
    """Measures the accuracy of every row on every data set; reports θ's weights of the terms."""

    name = "learned"
    title = "What is learned and what is built in"
    figure = "metaplastic.figures.learned"
    example: ClassVar[dict[str, Any]] = {"datasets": ("digits",), "draws": 2, "rungs": 1}
    Settings = LearnedSettings
    _total: int | None = None  # number of cells, once the rows are known

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, LearnedSettings)
        rows = self.rows()
        self._total = len(settings.datasets) * sum(len(row.rules) for row in rows.values())
        datasets: dict[str, Any] = {}
        for address in self.context.available(settings.datasets):
            config = self.config(address, points=(0, self.inner_steps()))
            datasets[address] = {
                "data": self.describe_data(address),
                "methods": self._methods(rows, config),
            }
        rule = self.context.rule.rule
        return {
            "seeds": list(self.config(settings.datasets[0]).seed_list),
            "inner_steps": self.inner_steps(),
            "reference": REFERENCE,
            "datasets": datasets,
            "theta": {
                "rule": theta_as_numbers(rule),
                "drawn": theta_as_numbers(drawn(rule, jax.random.key(0))),
            },
        }

    def cells(self) -> int | None:
        return self._total

    def rows(self) -> dict[str, Row]:
        """Return every row but the random network, from which all start. Raises `ConfigError` for
        a part that the rule lacks and `RuleFileError` for a missing rule."""
        settings = self.settings
        assert isinstance(settings, LearnedSettings)
        rule = self.context.rule
        rows = {
            "meta-step-0": Row(
                "meta-step 0: θ as initialised",
                "meta-training",
                tuple(
                    self._variant(drawn(rule.rule, jax.random.key(key)), f"key {key}")
                    for key in range(settings.draws)
                ),
            )
        }
        rungs = self.context.ladder(settings.rungs + 1) if settings.rungs else []
        for rung in rungs:
            if rung.fingerprint != rule.fingerprint:
                count = f"{rung.meta_steps or 0:,}"
                rows[f"rung-{rung.meta_steps}"] = Row(
                    f"after {count} meta-steps", "meta-training", (rung,)
                )
        rows[REFERENCE] = Row(rule.plain, "meta-training", (rule,))
        for name, title, variant in self._parts():
            rows[f"without-{name}"] = Row(title, "switched off", (variant,))
        for name, rules in self._named_rules().items():
            rows[f"given-{name}"] = Row(name, "given", tuple(rules))
        return rows

    def _variant(self, rule: Any, label: str) -> NamedRule:
        return self.context.rule._replace(rule=rule, name=label, meta_steps=None)

    def _parts(self) -> list[tuple[str, str, NamedRule]]:
        settings = self.settings
        assert isinstance(settings, LearnedSettings)
        parts = parts_of(self.context.rule.rule)
        if not parts:
            kind = self.context.rule.rule.name
            self.context.notes.append(f"rule {kind!r} has no parts that can be switched off")
        chosen = [] if settings.parts == (NONE,) else list(settings.parts)
        if settings.parts == (ALL,):
            chosen = list(parts)
        for name in chosen:
            if name not in parts:
                raise unknown_name("part of the rule", name, [*parts, ALL, NONE])
        return [
            (name, parts[name].title, self._variant(parts[name].without(), f"without {name}"))
            for name in chosen
        ]

    def _named_rules(self) -> dict[str, list[NamedRule]]:
        settings = self.settings
        assert isinstance(settings, LearnedSettings)
        rules: dict[str, list[NamedRule]] = {}
        for text in settings.rules:
            name, equals, path = text.partition("=")
            if not (name and equals and path):
                raise ConfigError(
                    f"rules: {text!r} is not NAME=PATH, as in --set rules=short=runs/a,short=runs/b"
                )
            rules.setdefault(name, []).append(named_rule(path))
        return rules

    def _methods(self, rows: dict[str, Row], config: FewShotConfig) -> dict[str, Any]:
        """Measure the entries of one data set, `random` first."""
        methods: dict[str, Any] = {}
        before: list[float] = []
        for key, row in rows.items():
            members = []
            for rule in row.rules:
                curve = self.rule_curve(rule, config)
                if key == REFERENCE:
                    before = curve[:, 0].tolist()
                members.append((rule, curve[:, -1]))
            methods[key] = _entry(row, members)
        random = {"title": "random network", "kind": "meta-training", "accuracy": before}
        methods = {"random": {**random, **results.mean_and_error(before)}, **methods}
        final = methods[REFERENCE]["accuracy"]
        for key, entry in methods.items():
            if key != REFERENCE:
                entry["paired"] = results.paired_difference(final, entry["accuracy"])
        return methods


def _entry(row: Row, members: list[tuple[NamedRule, np.ndarray]]) -> dict[str, Any]:
    """Build an entry of accuracies by seed, averaged over the row's rules; with several rules, also
    each one's accuracies and the spread between them."""
    accuracy = np.mean([accuracies for _, accuracies in members], axis=0).tolist()
    entry = {
        "title": row.title,
        "kind": row.kind,
        "meta_steps": members[0][0].meta_steps,
        "accuracy": accuracy,
        **results.mean_and_error(accuracy),
    }
    if len(members) > 1:
        means = [float(np.mean(accuracies)) for _, accuracies in members]
        entry["members"] = [
            {
                "label": rule.name,
                "fingerprint": rule.fingerprint,
                "accuracy": accuracies.tolist(),
                **results.mean_and_error(accuracies.tolist()),
            }
            for rule, accuracies in members
        ]
        entry["between_rules"] = {
            "n": len(means),
            "standard_deviation": float(np.std(means, ddof=1)),
            "least": min(means),
            "most": max(means),
        }
    return entry

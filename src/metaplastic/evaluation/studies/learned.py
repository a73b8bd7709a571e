"""Study `learned`: what meta-training gave the rule, what was built in, and which parts it needs.

Beside the rule stand the random network, the rule at meta-step 0 (θ as it is drawn), the rules kept
along its run, the rule with each of its parts switched off, and further rules by name, such as
those meta-trained without a part, or from other meta-seeds. All are read after as many inner steps
of minibatches as large as the rule's own.
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
    """One row of the results: what it is called, what kind of row it is, and its rules, of which
    it has several where they differ in how θ was drawn or meta-trained alone."""

    title: str
    kind: str
    rules: tuple[NamedRule, ...]


class LearnedSettings(StudySettings):
    """Settings of study `learned`."""

    datasets: tuple[str, ...] = Field(DATASETS, min_length=1, description="data sets")
    draws: int = Field(5, ge=1, description="draws of θ at meta-step 0")
    rungs: int = Field(6, ge=0, description="rungs of the run's ladder, beside the rule itself")
    parts: tuple[str, ...] = Field(
        (ALL,), description="parts of the rule to switch off, by name; all, or none"
    )
    rules: tuple[str, ...] = Field(
        (),
        description="further rules as NAME=PATH; those of one name are meta-seeds of one another, "
        "and the spread between them is given",
    )


class Learned(Study):
    """Test accuracy of every row on every data set; θ's weights of the terms as numbers."""

    name = "learned"
    title = "What is learned and what is built in"
    figure = "metaplastic.figures.learned"
    example: ClassVar[dict[str, Any]] = {"datasets": ("digits",), "draws": 2, "rungs": 1}
    Settings = LearnedSettings
    _total: int | None = None  # cells, once the rows are known

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, LearnedSettings)
        rows = self.rows()
        self._total = len(own.datasets) * sum(len(row.rules) for row in rows.values())
        found: dict[str, Any] = {}
        for address in self.context.available(own.datasets):
            config = self.config(address, points=(0, self.inner_steps()))
            found[address] = {
                "data": self.describe_data(address),
                "methods": self._methods(rows, config),
            }
        rule = self.context.rule.rule
        return {
            "seeds": list(self.config(own.datasets[0]).seed_list),
            "inner_steps": self.inner_steps(),
            "reference": REFERENCE,
            "datasets": found,
            "theta": {
                "rule": theta_as_numbers(rule),
                "drawn": theta_as_numbers(drawn(rule, jax.random.key(0))),
            },
        }

    def cells(self) -> int | None:
        return self._total

    def rows(self) -> dict[str, Row]:
        """Every row but the random network, which is what each begins from. Raises `ConfigError`
        on a part that the rule has not, and `RuleFileError` on a rule that is not there."""
        own = self.settings
        assert isinstance(own, LearnedSettings)
        rule = self.context.rule
        rows = {
            "meta-step-0": Row(
                "meta-step 0: θ as it is drawn",
                "meta-training",
                tuple(
                    self._variant(drawn(rule.rule, jax.random.key(key)), f"key {key}")
                    for key in range(own.draws)
                ),
            )
        }
        rungs = self.context.ladder(own.rungs + 1) if own.rungs else []
        for rung in rungs:
            if rung.fingerprint != rule.fingerprint:
                count = f"{rung.meta_steps or 0:,}"
                rows[f"rung-{rung.meta_steps}"] = Row(
                    f"after {count} meta-steps", "meta-training", (rung,)
                )
        rows[REFERENCE] = Row(rule.plain, "meta-training", (rule,))
        for name, title, variant in self._parts():
            rows[f"without-{name}"] = Row(title, "switched off", (variant,))
        for name, rules in self._further().items():
            rows[f"given-{name}"] = Row(name, "given", tuple(rules))
        return rows

    def _variant(self, rule: Any, label: str) -> NamedRule:
        return self.context.rule._replace(rule=rule, name=label, meta_steps=None)

    def _parts(self) -> list[tuple[str, str, NamedRule]]:
        own = self.settings
        assert isinstance(own, LearnedSettings)
        parts = parts_of(self.context.rule.rule)
        if not parts:
            kind = self.context.rule.rule.name
            self.context.notes.append(f"rule {kind!r} has no parts that could be switched off")
        chosen = [] if own.parts == (NONE,) else list(own.parts)
        if own.parts == (ALL,):
            chosen = list(parts)
        for name in chosen:
            if name not in parts:
                raise unknown_name("part of the rule", name, [*parts, ALL, NONE])
        return [
            (name, parts[name].title, self._variant(parts[name].without(), f"without {name}"))
            for name in chosen
        ]

    def _further(self) -> dict[str, list[NamedRule]]:
        own = self.settings
        assert isinstance(own, LearnedSettings)
        found: dict[str, list[NamedRule]] = {}
        for text in own.rules:
            name, equals, path = text.partition("=")
            if not (name and equals and path):
                raise ConfigError(
                    f"rules: {text!r} is not NAME=PATH, as in --set rules=short=runs/a,short=runs/b"
                )
            found.setdefault(name, []).append(named_rule(path))
        return found

    def _methods(self, rows: dict[str, Row], config: FewShotConfig) -> dict[str, Any]:
        """The entries of one data set, `random` the first."""
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
    """Accuracies by seed, means over the row's rules; of several rules each, and their spread."""
    accuracy = np.mean([found for _, found in members], axis=0).tolist()
    entry = {
        "title": row.title,
        "kind": row.kind,
        "meta_steps": members[0][0].meta_steps,
        "accuracy": accuracy,
        **results.mean_and_error(accuracy),
    }
    if len(members) > 1:
        means = [float(np.mean(found)) for _, found in members]
        entry["members"] = [
            {
                "label": rule.name,
                "fingerprint": rule.fingerprint,
                "accuracy": found.tolist(),
                **results.mean_and_error(found.tolist()),
            }
            for rule, found in members
        ]
        entry["between_rules"] = {
            "n": len(means),
            "standard_deviation": float(np.std(means, ddof=1)),
            "least": min(means),
            "most": max(means),
        }
    return entry

"""Update rules, one a file. To add one: a new file, and a line in `RULES`."""

from __future__ import annotations

from typing import Any

from jaxtyping import PRNGKeyArray

from metaplastic.errors import unknown_name
from metaplastic.rules.hebbian import Hebbian
from metaplastic.rules.local import Local
from metaplastic.rules.rule import Rule, RuleState

RULES: dict[str, type[Rule]] = {rule.name: rule for rule in (Local, Hebbian)}


def make_rule(name: str, key: PRNGKeyArray, **settings: Any) -> Rule:
    """A rule of that name with freshly drawn θ; raises `ConfigError` on an unknown one."""
    if name not in RULES:
        raise unknown_name("rule", name, RULES)
    return RULES[name].create(key, **settings)


__all__ = ["RULES", "Hebbian", "Local", "Rule", "RuleState", "make_rule"]

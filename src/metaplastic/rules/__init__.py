"""Update rules, one per file. To add one, write a new file and add a line to `RULES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxtyping import PRNGKeyArray

from metaplastic import lazy
from metaplastic.registry import Registry
from metaplastic.rules.rule import Rule, RuleState

if TYPE_CHECKING:
    from metaplastic.rules.hebbian import Hebbian
    from metaplastic.rules.local import Local

RULES: Registry[type[Rule]] = Registry(
    "rule",
    {
        "local": "metaplastic.rules.local:Local",
        "hebbian": "metaplastic.rules.hebbian:Hebbian",
    },
    group="rules",
    base="metaplastic.rules.rule:Rule",
    named_by="name",
)

__getattr__ = lazy.exports(
    __name__,
    {
        "Hebbian": "metaplastic.rules.hebbian",
        "Local": "metaplastic.rules.local",
    },
)


def make_rule(name: str, key: PRNGKeyArray, **settings: Any) -> Rule:
    """Create the named rule with freshly drawn θ. Raises `ConfigError` if the name is unknown."""
    return RULES.get(name).create(key, **settings)


__all__ = ["RULES", "Hebbian", "Local", "Rule", "RuleState", "make_rule"]

"""Rule files: saving, loading, cards and sharing. No pickle is ever read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy

if TYPE_CHECKING:
    from metaplastic.hub.card import RuleCard, card_markdown
    from metaplastic.hub.push import pull_from_hub, push_to_hub
    from metaplastic.hub.rule_file import (
        load_card,
        load_rule,
        rule_page,
        save_rule,
        shipped_rules,
    )

_FILE = "metaplastic.hub.rule_file"

__getattr__ = lazy.exports(
    __name__,
    {
        "RuleCard": "metaplastic.hub.card",
        "card_markdown": "metaplastic.hub.card",
        "pull_from_hub": "metaplastic.hub.push",
        "push_to_hub": "metaplastic.hub.push",
        "load_card": _FILE,
        "load_rule": _FILE,
        "rule_page": _FILE,
        "save_rule": _FILE,
        "shipped_rules": _FILE,
    },
)

__all__ = [
    "RuleCard",
    "card_markdown",
    "load_card",
    "load_rule",
    "pull_from_hub",
    "push_to_hub",
    "rule_page",
    "save_rule",
    "shipped_rules",
]

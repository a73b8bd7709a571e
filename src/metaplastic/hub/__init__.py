"""Rules as files: saved, loaded, described by a card, shared. No pickle is ever read."""

from metaplastic.hub.card import RuleCard, card_markdown
from metaplastic.hub.remote import push_to_hub
from metaplastic.hub.rule_file import load_card, load_rule, rule_page, save_rule, shipped_rules

__all__ = [
    "RuleCard",
    "card_markdown",
    "load_card",
    "load_rule",
    "push_to_hub",
    "rule_page",
    "save_rule",
    "shipped_rules",
]

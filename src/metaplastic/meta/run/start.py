"""The rule that a run starts from: a fresh one, or an earlier one grown to the run's settings."""

from __future__ import annotations

from metaplastic import hub
from metaplastic.errors import ConfigError
from metaplastic.meta.config import MetaTrainConfig
from metaplastic.rules import Rule


def starting_rule(config: MetaTrainConfig) -> Rule:
    """Return the rule before the first meta-step. Raises `ConfigError` if `rule.start` cannot grow
    to the run's settings, and the errors of `hub.load_rule`."""
    fresh = config.rule.make(config.seed)
    if config.rule.start is None:
        return fresh
    return grown(hub.load_rule(config.rule.start), fresh, config.rule.start)


def grown(rule: Rule, fresh: Rule, start: str | None) -> Rule:
    """Return `rule`, which `rule.start` names, grown to the settings of `fresh`."""
    try:
        return rule.grow(fresh)
    except ConfigError as error:
        raise ConfigError(f"rule.start {start!r}: {error}") from None


def start_card(config: MetaTrainConfig) -> hub.RuleCard:
    """Return the card of the rule that the run started from, or an empty one for a fresh rule."""
    start = config.rule.start
    return hub.RuleCard() if start is None else hub.load_card(start)

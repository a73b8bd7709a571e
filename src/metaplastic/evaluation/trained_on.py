"""Tests of whether a rule was meta-trained on images only, as for the paper's transfer to text."""

from __future__ import annotations

from collections.abc import Iterable

from metaplastic.data import SOURCES
from metaplastic.data.dataset import Kind
from metaplastic.evaluation.named_rule import NamedRule
from metaplastic.tasks import GENERATORS


def kind_of(source: str) -> Kind | None:
    """Return the kind of examples of a task source; None for an unknown source."""
    name = source.partition("@")[0]
    if name in GENERATORS:
        return GENERATORS[name].kind
    name = name.partition(":")[0]
    return SOURCES[name].card.kind if name in SOURCES else None


def trained_on_images_only(rule: NamedRule) -> bool:
    """Return whether the rule's card lists only image sources; false if it lists none, as for a
    rule that was not meta-trained."""
    return bool(rule.training_data) and not _others(rule.training_data)


def non_image_sources(rule: NamedRule) -> tuple[str, ...]:
    """Return the sources on the rule's card that are not images."""
    return tuple(_others(rule.training_data))


def _others(sources: Iterable[str]) -> list[str]:
    return [source for source in sources if kind_of(source) != "image"]

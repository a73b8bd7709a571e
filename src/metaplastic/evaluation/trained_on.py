"""Whether a rule's transfer is that of the paper: from images alone to text."""

from __future__ import annotations

from collections.abc import Iterable

from metaplastic.data import SOURCES
from metaplastic.data.dataset import Kind
from metaplastic.evaluation.named_rule import NamedRule
from metaplastic.tasks import GENERATORS


def kind_of(source: str) -> Kind | None:
    """What the examples of a source of tasks are; None for one that is not known here."""
    name = source.partition("@")[0]
    if name in GENERATORS:
        return GENERATORS[name].kind
    name = name.partition(":")[0]
    return SOURCES[name].card.kind if name in SOURCES else None


def saw_images_alone(rule: NamedRule) -> bool:
    """Whether all that its card names is of images; false where it names nothing, as for a rule
    that was not meta-trained."""
    return bool(rule.training_data) and not _others(rule.training_data)


def saw_beside_images(rule: NamedRule) -> tuple[str, ...]:
    """The sources that its card names and that are not of images."""
    return tuple(_others(rule.training_data))


def _others(sources: Iterable[str]) -> list[str]:
    return [source for source in sources if kind_of(source) != "image"]

"""Generators of tasks, one per file. To add one, add a file and a line to `GENERATORS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.tasks.source import Source

GENERATORS: Registry[type[Source]] = Registry(
    "generator of tasks",
    {
        "reviews": "metaplastic.tasks.generators.reviews:Reviews",
        "shapes": "metaplastic.tasks.generators.shapes:Shapes",
        "signals": "metaplastic.tasks.generators.signals:Signals",
        "tables": "metaplastic.tasks.generators.tables:Tables",
        "topics": "metaplastic.tasks.generators.topics:Topics",
    },
    group="tasks",
    base="metaplastic.tasks.source:Source",
    named_by="address",
)

__all__ = ["GENERATORS"]

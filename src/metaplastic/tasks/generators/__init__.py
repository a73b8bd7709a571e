"""Generators of tasks, one a file. To add one: a new file, and a line in `GENERATORS`."""

from metaplastic.tasks.generators.reviews import Reviews
from metaplastic.tasks.generators.shapes import Shapes
from metaplastic.tasks.generators.signals import Signals
from metaplastic.tasks.generators.tables import Tables
from metaplastic.tasks.generators.topics import Topics
from metaplastic.tasks.source import Source

GENERATORS: dict[str, type[Source]] = {
    "reviews": Reviews,
    "shapes": Shapes,
    "signals": Signals,
    "tables": Tables,
    "topics": Topics,
}

__all__ = ["GENERATORS", "Reviews", "Shapes", "Signals", "Tables", "Topics"]

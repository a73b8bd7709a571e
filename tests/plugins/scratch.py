"""A rule and a generator of tasks of a user's own, in a file and in an installed package."""

from __future__ import annotations

import sys
from pathlib import Path

MINE = """
from metaplastic.rules import RULES
from metaplastic.rules.hebbian import Hebbian
from metaplastic.tasks import GENERATORS
from metaplastic.tasks.generators.shapes import Shapes

class Mine(Hebbian):
    name = "mine"

class Own(Shapes):
    address = "own-shapes"
"""
ENTERED = """
RULES.register("mine", Mine)
GENERATORS.register("own-shapes", Own)
"""


def installed(folder: Path, entry_points: str) -> None:
    """A package as `pip install` leaves one."""
    about = folder / "scratch_rules-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scratch-rules\nVersion: 1.2\n")
    (about / "top_level.txt").write_text("scratch_rules\n")
    (about / "entry_points.txt").write_text(entry_points)
    (folder / "scratch_rules.py").write_text(MINE)
    sys.path.append(str(folder))

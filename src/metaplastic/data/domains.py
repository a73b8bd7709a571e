"""The list of data sets on which feature learners are compared, and what each may be used for.

Sets with role "report" are held out: they are used neither for meta-training nor for any choice.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class DomainSet(NamedTuple):
    """One data set of the list.

    `role` is "meta-train" or "report"; `is_address` says that the name is that of a data set, not
    of a file in the folder `tables`.
    """

    name: str
    role: str
    kind: str
    is_address: bool = False


@cache
def known_sets() -> dict[str, DomainSet]:
    """Return the sets of `domains.toml`, by name."""
    text = files("metaplastic.data").joinpath("domains.toml").read_text("utf-8")
    return {entry["name"]: DomainSet(**entry) for entry in tomllib.loads(text)["sets"]}


def reported_tables() -> frozenset[str]:
    """Return the names of the tables that are held out."""
    return frozenset(
        each.name for each in known_sets().values() if each.role == "report" and not each.is_address
    )

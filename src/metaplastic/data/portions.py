"""Seeded, disjoint choices of classes and groups for meta-training.

Names are ordered by a hash of the name, so the choice depends neither on the version of a random
number generator nor on the order in which files were found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

SEED = "metaplastic-1"


def shuffled(names: Iterable[str], purpose: str) -> list[str]:
    """Return the names in a fixed pseudo-random order; `purpose` makes orders independent."""
    return sorted(
        names, key=lambda name: hashlib.sha256(f"{SEED}/{purpose}/{name}".encode()).digest()
    )


def divide(
    names: Iterable[str], purpose: str, shares: Sequence[float]
) -> tuple[frozenset[str], ...]:
    """Divide all names into disjoint sets with the given shares of them (rounded).

    Shares add up to one; with at least as many names as shares, no set is empty.
    """
    order = shuffled(names, purpose)
    bounds = [0]
    total = 0.0
    for index, share in enumerate(shares):
        total += share
        remaining = len(shares) - index - 1
        bound = round(total * len(order))
        bounds.append(max(min(bound, len(order) - remaining), min(bounds[-1] + 1, len(order))))
    bounds[-1] = len(order)
    return tuple(frozenset(order[a:b]) for a, b in pairwise(bounds))

"""Disjoint portions for meta-training."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaplastic.data import load
from metaplastic.data.portions import divide
from metaplastic.errors import DataError

_names = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=60)


@given(_names, st.randoms())
def test_parts_are_disjoint_complete_and_independent_of_order(names: list[str], rng) -> None:
    parts = divide(names, "test", (0.7, 0.1, 0.2))
    assert len(parts) == 3
    assert sum(map(len, parts)) == len(names)
    assert frozenset().union(*parts) == frozenset(names)
    shuffled = list(names)
    rng.shuffle(shuffled)
    assert divide(shuffled, "test", (0.7, 0.1, 0.2)) == parts
    if len(names) >= 3:
        assert all(parts)


def test_shares_are_kept() -> None:
    names = [f"n{i}" for i in range(1000)]
    assert [len(part) for part in divide(names, "a", (0.7, 0.1, 0.2))] == [700, 100, 200]
    assert divide(names, "a", (0.5, 0.5)) != divide(names, "b", (0.5, 0.5))


@pytest.mark.parametrize("name", ["digits", "two_moons"])
@pytest.mark.parametrize("portion", ["meta-train", "meta-validation", "held-out"])
def test_held_out_data_sets_give_no_portion(name: str, portion: str) -> None:
    with pytest.raises(DataError, match=f"{name} is held out: .* may not be meta-trained on"):
        load(name).portion(portion)


@pytest.mark.slow
def test_unknown_portions_and_splits_are_named() -> None:
    with pytest.raises(DataError, match="known: meta-train, meta-validation, held-out"):
        load("glyphs").portion("training")
    with pytest.raises(DataError, match="glyphs has no portion 'held-out'"):
        load("glyphs").portion("held-out")
    with pytest.raises(DataError, match="digits has no split 'dev'; it has: train, test"):
        load("digits").split("dev")

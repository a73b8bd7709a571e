"""The registry itself: lazy entries, unknown names, names entered twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

from metaplastic.errors import ConfigError
from metaplastic.registry import Registry


class Apple:
    """An entry."""


class Pear:
    """Another."""


@pytest.fixture
def fruits() -> Registry[object]:
    return Registry("fruit", {"ordered": "collections:OrderedDict", "apple": Apple})


def test_names_come_in_order_and_entries_by_address(fruits: Registry[object]) -> None:
    from collections import OrderedDict

    assert list(fruits) == ["ordered", "apple"]
    assert fruits["ordered"] is fruits.get("ordered") is OrderedDict
    assert dict(fruits) == {"ordered": OrderedDict, "apple": Apple}
    assert repr(fruits) == "<registry of 2 × fruit: ordered, apple>"


def test_an_unknown_name_is_refused_with_the_nearest(fruits: Registry[object]) -> None:
    for ask in (fruits.get, fruits.check):
        with pytest.raises(ConfigError, match=r"unknown fruit 'aple'; known: apple, ordered\. Did"):
            ask("aple")
    with pytest.raises(KeyError):
        fruits["aple"]
    assert fruits.get("aple", None) is None
    assert fruits.check("apple") == "apple"


def test_a_name_belongs_to_one_entry(fruits: Registry[object]) -> None:
    fruits.register("pear", Pear)
    fruits.register("pear", Pear)  # as by a cell of a notebook that is run again
    with pytest.raises(ConfigError, match=r"already a fruit 'pear' .*Pear.*; give .*Apple"):
        fruits.register("pear", Apple)
    fruits["pear"] = Apple  # who asks for it may replace one
    assert fruits["pear"] is Apple
    del fruits["pear"]
    assert "pear" not in fruits


def test_naming_an_entry_imports_nothing() -> None:
    code = (
        "import sys\n"
        "from metaplastic.registry import Registry\n"
        "r = Registry('thing', {'a': 'wave:Error', 'b': 'no.such.module:x'})\n"
        "assert list(r) == ['a', 'b'] and r.check('b') == 'b' and len(r) == 2\n"
        "assert 'wave' not in sys.modules\n"
        "assert r.get('a').__name__ == 'Error' and 'wave' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""The registry itself: lazy entries, unknown names, names entered twice."""

from __future__ import annotations

import abc
import subprocess
import sys
from typing import Any

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


class Fruit(abc.ABC):
    """What entries derive from."""

    @abc.abstractmethod
    def eat(self) -> None: ...


class Plum(Fruit):
    name: str = "plum"

    def eat(self) -> None: ...


class Nameless(Fruit):
    def eat(self) -> None: ...


class Raw(Fruit):
    name = "raw"


@pytest.mark.parametrize(
    ("instances", "name", "entry", "message"),
    [
        ("never", "plum", Plum, None),
        ("only", "plum", Plum(), None),
        ("allowed", "plum", Plum(), None),
        ("allowed", "plum", Plum, None),
        ("never", "plum", Plum(), "is an instance: .* register the class itself"),
        ("only", "plum", Plum, "is a class: a fruit must be an instance of .*Fruit"),
        ("never", "nameless", Nameless, "but it has no `name`; set name = 'nameless' in it"),
        ("never", "prune", Plum, "but its `name` is 'plum'"),
        ("never", "raw", Raw, "is not a complete fruit: it must define eat"),
        ("never", "apple", Apple, "is not a fruit: it must be a subclass of .*Fruit"),
        ("allowed", "apple", Apple(), "it must be a subclass or an instance of .*Fruit"),
    ],
)
def test_entries_that_would_fail_later_are_refused(
    instances: Any, name: str, entry: object, message: str | None
) -> None:
    registry: Registry[Any] = Registry(
        "fruit", base=f"{__name__}:Fruit", named_by="name", instances=instances
    )
    if message is None:
        registry.register(name, entry)
        assert registry[name] is entry
    else:
        with pytest.raises(ConfigError, match=message):
            registry.register(name, entry)
        assert name not in registry


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

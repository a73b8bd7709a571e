"""Names that are imported when they are first used, so that naming a thing costs no import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def load(address: str) -> Any:
    """The object at "module:attribute". Raises `ImportError` or `AttributeError` as Python does."""
    module, _, attribute = address.partition(":")
    return getattr(import_module(module), attribute)


def exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for the package (PEP 562) that imports each name from its module on demand.

    homes: names, each with the module that defines it.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return load(f"{homes[name]}:{name}")

    return get

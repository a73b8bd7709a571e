"""Lazy imports: names are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from metaplastic.garbage import not_collected


def load(address: str) -> Any:
    """Import and return the object at "module:attribute". Raises `ImportError` or
    `AttributeError`, as Python does."""
    module, _, attribute = address.partition(":")
    with not_collected():
        return getattr(import_module(module), attribute)


def exports(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a `__getattr__` for the package (PEP 562) that imports each name from its module on
    demand.

    modules: the module that defines each name.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return load(f"{modules[name]}:{name}")

    return get

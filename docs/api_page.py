"""Writes every public name of every package into reference/api.md, when it is read.

What a package lists in `__all__` is public. Names that another page of the reference describes are
pointed to there.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import metaplastic
from metaplastic.registry import Registry

MARK = "<!-- api -->"
PAGES = Path(__file__).parent / "reference"
# modules beside the packages, whose every function is public
MODULES = (
    "metaplastic.setting_kinds",
    "metaplastic.settings",
    "metaplastic.registry",
    "metaplastic.plugins",
    "metaplastic.readout.ridge",
    "metaplastic.readout.logistic",
    "metaplastic.readout.calibration",
    "metaplastic.figures",
)
_DIRECTIVE = re.compile(r"^\.\. auto(?:class|function|module):: (metaplastic\S*)", re.MULTILINE)
_MEMBERS = re.compile(r"^\.\. automodule:: (\S+)\n +:members: (.+)$", re.MULTILINE)


def packages() -> Iterator[ModuleType]:
    """Every package that says what is public in it, the whole first."""
    found = pkgutil.walk_packages(metaplastic.__path__, "metaplastic.")
    for name in ["metaplastic", *(module.name for module in found if module.ispkg)]:
        module = import_module(name)
        if "__all__" in vars(module):
            yield module


def elsewhere() -> dict[int, str]:
    """The objects that other pages of the reference describe, by identity, with their names."""
    found: set[str] = set()
    for page in PAGES.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        found |= set(_DIRECTIVE.findall(text))
        for module, members in _MEMBERS.findall(text):
            found |= {f"{module}.{member.strip()}" for member in members.split(",")}
    return {id(pkgutil.resolve_name(name)): name for name in found}


def describe() -> str:
    """The page's sections, one a package, then the modules."""
    known = elsewhere()
    lines: list[str] = []
    for package in packages():
        about = inspect.cleandoc(package.__doc__ or "").partition("\n\n")[0]
        lines += [f"## {package.__name__}", "", about, "", "```{eval-rst}"]
        for name in package.__all__:
            if not name.startswith("__"):
                lines += [*_directive(package, name, known), ""]
        lines += ["```", ""]
    for module in MODULES:
        lines += [f"## {module}", "", "```{eval-rst}", f".. automodule:: {module}"]
        lines += ["   :members:", "```", ""]
    return "\n".join(lines)


def _directive(package: ModuleType, name: str, known: dict[int, str]) -> list[str]:
    full, value = f"{package.__name__}.{name}", getattr(package, name)
    if id(value) in known:
        role = "class" if inspect.isclass(value) else "func"
        return [f":{role}:`{full} <{known[id(value)]}>`"]
    known[id(value)] = full
    if inspect.isclass(value):
        return [f".. autoclass:: {full}", "   :members:", "   :exclude-members: model_config"]
    if inspect.isroutine(value):
        return [f".. autofunction:: {full}"]
    return [f".. py:data:: {full}", "", f"   {_data(value)}"]


def _data(value: Any) -> str:
    if isinstance(value, Registry):
        names = ", ".join(f"``{name}``" for name in value.built_in)
        return f"The registry of every {value.kind}: {names}."
    return f"``{value!r}``"


def fill(app: object, name: str, source: list[str]) -> None:
    """Sphinx's `source-read`: put the sections where the page has its mark."""
    del app
    if name == "reference/api":
        source[0] = source[0].replace(MARK, describe())

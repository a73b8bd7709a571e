"""Write every public name of every package into reference/api.md when Sphinx reads it.

The names in a package's `__all__` are public. Those that another page of the reference describes
link to that page.
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
# further modules, all of whose functions are public
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
    """Yield every package that defines `__all__`, the top-level one first."""
    modules = pkgutil.walk_packages(metaplastic.__path__, "metaplastic.")
    for name in ["metaplastic", *(module.name for module in modules if module.ispkg)]:
        module = import_module(name)
        if "__all__" in vars(module):
            yield module


def elsewhere() -> dict[int, str]:
    """Map the `id` of each object that other pages of the reference describe to its name."""
    names: set[str] = set()
    for page in PAGES.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        names |= set(_DIRECTIVE.findall(text))
        for module, members in _MEMBERS.findall(text):
            names |= {f"{module}.{member.strip()}" for member in members.split(",")}
    return {id(pkgutil.resolve_name(name)): name for name in names}


def describe() -> str:
    """Return the sections of the page: one per package, then the modules."""
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
    """Sphinx `source-read` handler: insert the sections at the mark."""
    del app
    if name == "reference/api":
        source[0] = source[0].replace(MARK, describe())

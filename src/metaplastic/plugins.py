"""User extensions: entry points of installed packages, and files or modules to import, given by
`--import` or the environment variable METAPLASTIC_IMPORT.

Nothing else is ever imported, and in particular nothing that a rule file, a configuration or a run
names.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Container, Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import (
    EntryPoint,
    entry_points,
    packages_distributions,
    version,
)
from importlib.util import find_spec
from pathlib import Path

from metaplastic.errors import ConfigError

VARIABLE = "METAPLASTIC_IMPORT"  # files and modules, separated like the folders in PATH
_imported: set[str] = set()


def request(targets: Iterable[str]) -> None:
    """Import files and modules now, and in all processes that this one starts.

    Raises `ConfigError` if one is missing or its import fails.
    """
    for target in targets:
        resolved = str(Path(target).resolve()) if _is_file(target) else target
        if resolved not in requested():
            os.environ[VARIABLE] = os.pathsep.join([*requested(), resolved])
    import_requested()


def import_requested() -> None:
    """Import what METAPLASTIC_IMPORT names, unless imported already. Raises as `request`."""
    for target in requested():
        if target not in _imported:
            _imported.add(target)  # first, since the imported code may call this function
            try:
                _import(target)
            except ConfigError:
                _imported.discard(target)
                raise


def requested() -> tuple[str, ...]:
    """Return the files and modules that METAPLASTIC_IMPORT names."""
    return tuple(filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)))


def _is_file(target: str) -> bool:
    return target.endswith(".py") or os.sep in target or "/" in target


def _import(target: str) -> None:
    name = _module_of(Path(target)) if _is_file(target) else target
    try:
        import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise ConfigError(
                f"--import {target}: no module {name!r}; give the path of a file, such as "
                "my_rule.py, or the name of an installed module"
            ) from None
        raise ConfigError(
            f"--import {target}: {type(error).__name__}: {error}{_location(error)}"
        ) from None


def _location(error: BaseException) -> str:
    """Return the line of the user's code that raised an error; a syntax error names it already."""
    package = str(Path(__file__).parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((package, "<frozen importlib"))
        and frame.filename != import_module.__code__.co_filename
    ]
    if not frames or isinstance(error, SyntaxError):
        return ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def _module_of(file: Path) -> str:
    """Return the name under which a file can be imported, after adding its folder to the end of
    `sys.path`. Raises `ConfigError` if another module has that name."""
    file = file.resolve()
    if not file.is_file():
        raise ConfigError(f"--import {file}: no such file")
    name = file.stem
    if not name.isidentifier() or file.suffix != ".py":
        raise ConfigError(f"--import {file}: its name must be a module name, such as my_rule.py")
    try:
        spec = find_spec(name)
    except ValueError:  # for example __main__
        raise ConfigError(f"--import {file}: Python reserves that name; rename the file") from None
    if spec is None:
        sys.path.append(str(file.parent))
    elif spec.origin is None or Path(spec.origin).resolve() != file:
        origin = f" in {spec.origin}" if spec.origin else ""
        raise ConfigError(
            f"--import {file}: there is another module {name!r}{origin}; rename the file"
        )
    return name


def offered(group: str, taken: Container[str]) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name, without loading any.

    Entry points whose name is taken, by the package or by another one, are ignored with a warning.
    """
    points: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        if point.name in taken or point.name in points:
            warnings.warn(
                f"the entry point {point.name!r} of {package_of(point)} in {group} is ignored: "
                "its name is taken",
                stacklevel=2,
            )
        else:
            points[point.name] = point
    return points


def package_of(point: EntryPoint) -> str:
    """Return the name and version of the package of an entry point, for messages."""
    return f"package {point.dist.name} {point.dist.version}" if point.dist else "unknown package"


@cache
def home_of(kind: type) -> dict[str, str]:
    """Return the module that defines a class and, if installed, its package and version; empty for
    classes of metaplastic."""
    top = kind.__module__.partition(".")[0]
    if top == "metaplastic":
        return {}
    home = {"module": kind.__module__}
    for name in packages_distributions().get(top, ())[:1]:
        home |= {"package": name, "version": version(name)}
    return home  # cached: callers must not modify it

"""What users add without editing the package: entry points of installed packages, and files or
modules that they ask to import, by `--import` or the variable METAPLASTIC_IMPORT.

Nothing else is ever imported: not what a rule file, a configuration or a run names.
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

VARIABLE = "METAPLASTIC_IMPORT"  # files and modules, separated as the folders of PATH are
_imported: set[str] = set()


def ask_for(given: Iterable[str]) -> None:
    """Import files and modules now, and have processes that this one starts import them too.

    Raises `ConfigError` where one is not there or fails.
    """
    for each in given:
        kept = str(Path(each).resolve()) if _is_file(each) else each
        asked = _asked()
        if kept not in asked:
            os.environ[VARIABLE] = os.pathsep.join([*asked, kept])
    import_asked()


def import_asked() -> None:
    """Import what METAPLASTIC_IMPORT names and is not imported yet. Raises as `ask_for`."""
    for each in _asked():
        if each not in _imported:
            _imported.add(each)  # before it is, since what it imports may come here again
            try:
                _import(each)
            except ConfigError:
                _imported.discard(each)
                raise


def asked_for() -> tuple[str, ...]:
    """The files and modules that METAPLASTIC_IMPORT names."""
    return tuple(_asked())


def _asked() -> list[str]:
    return [each for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]


def _is_file(given: str) -> bool:
    return given.endswith(".py") or os.sep in given or "/" in given


def _import(given: str) -> None:
    name = _module_of(Path(given)) if _is_file(given) else given
    try:
        import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise ConfigError(
                f"--import {given}: no module {name!r}; give the path of a file, as my_rule.py, "
                "or the name of a module that is installed"
            ) from None
        raise ConfigError(
            f"--import {given}: {type(error).__name__}: {error}{_place(error)}"
        ) from None


def _place(error: BaseException) -> str:
    """The line of the user's code where an error arose; one of syntax says so itself."""
    own = str(Path(__file__).parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((own, "<frozen importlib"))
        and frame.filename != import_module.__code__.co_filename
    ]
    if not frames or isinstance(error, SyntaxError):
        return ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def _module_of(file: Path) -> str:
    """The name under which a file can be imported, its folder being put on the path at the end.

    Raises `ConfigError` where another module has that name.
    """
    file = file.resolve()
    if not file.is_file():
        raise ConfigError(f"--import {file}: no such file")
    name = file.stem
    if not name.isidentifier() or file.suffix != ".py":
        raise ConfigError(f"--import {file}: name the file as a module is named, as my_rule.py")
    try:
        spec = find_spec(name)
    except ValueError:  # as for __main__
        raise ConfigError(f"--import {file}: that name is Python's own; rename the file") from None
    if spec is None:
        sys.path.append(str(file.parent))
    elif spec.origin is None or Path(spec.origin).resolve() != file:
        where = f" in {spec.origin}" if spec.origin else ""
        raise ConfigError(
            f"--import {file}: there is another module {name!r}{where}; rename the file"
        )
    return name


def offered(group: str, taken: Container[str]) -> dict[str, EntryPoint]:
    """The entry points of a group by name, as far as their names are not taken; none is loaded.

    One whose name is taken, by the package or by another, is left out with a warning.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        if point.name in taken or point.name in found:
            warnings.warn(
                f"the entry point {point.name!r} of {package_of(point)} in {group} is left out: "
                "there is another of that name",
                stacklevel=2,
            )
        else:
            found[point.name] = point
    return found


def package_of(point: EntryPoint) -> str:
    """The package that an entry point is of, with its version, for messages."""
    return f"package {point.dist.name} {point.dist.version}" if point.dist else "some package"


@cache
def home_of(kind: type) -> dict[str, str]:
    """The module that a class is defined in and, where it was installed, its package and version;
    empty for one of metaplastic's own."""
    top = kind.__module__.partition(".")[0]
    if top == "metaplastic":
        return {}
    home = {"module": kind.__module__}
    for name in packages_distributions().get(top, ())[:1]:
        home |= {"package": name, "version": version(name)}
    return home  # callers read it only

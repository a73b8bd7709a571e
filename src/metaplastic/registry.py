"""The registry behind everything that is chosen by name: rules, data sets, baselines, studies, …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib.metadata import EntryPoint
from typing import Any, TypeVar, cast, overload

from metaplastic import lazy, plugins
from metaplastic.errors import ConfigError, unknown_name

T = TypeVar("T")
D = TypeVar("D")
_NO_DEFAULT: Any = object()


class Registry(MutableMapping[str, T]):
    """Objects by name, in the order in which they were entered.

    An entry is the object itself, or its address "module:attribute". Names are listed and checked
    without an import; the module of an address is imported when its object is first asked for.

    kind: what an entry is, in the singular, for messages. group: the entry points by which
    installed packages add to it, which come last, by name (`metaplastic.rules` for "rules"). base:
    the address of the class that the entries of others have to be subclasses or instances of.
    """

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, T | str] | None = None,
        *,
        group: str | None = None,
        base: str | None = None,
    ) -> None:
        self.kind = kind
        self._entries: dict[str, T | str] = dict(entries or {})
        self.built_in = tuple(self._entries)
        """Names that come with the package."""
        self._group, self._base = group, base
        self._offered: dict[str, EntryPoint] | None = None

    def check(self, name: str) -> str:
        """The name itself, where there is such an entry; no entry is imported.

        Raises `ConfigError` with all names, and the nearest one, where there is none.
        """
        if name not in self:
            own = "" if self._group is None else " One of your own: --import its file."
            raise unknown_name(self.kind, name, self, own)
        return name

    @overload
    def get(self, name: str, /) -> T: ...

    @overload
    def get(self, name: str, /, default: T) -> T: ...

    @overload
    def get(self, name: str, /, default: D) -> T | D: ...

    def get(self, name: str, /, default: Any = _NO_DEFAULT) -> Any:
        """The entry of that name; `default`, where one is given, if there is none.

        Raises `ConfigError` as `check` does where there is neither.
        """
        if default is not _NO_DEFAULT and name not in self:
            return default
        return self[self.check(name)]

    def register(self, name: str, entry: T) -> None:
        """Enter an object. The same class may be entered again, as by a cell of a notebook that
        is run twice. Raises `ConfigError` where the name is another's, or the object is of another
        kind or calls itself by another name."""
        here = self._entries.get(name)
        if here is not None and _origin(entry) != _origin(here):
            raise ConfigError(
                f"there is a {self.kind} {name!r} already ({_origin(here)}); "
                f"give {_origin(entry)} another name"
            )
        self._entries[name] = self._checked(name, entry, _origin(entry))

    def __contains__(self, name: object) -> bool:
        if name in self._entries:
            return True
        others = self._others()  # which may enter it
        return name in self._entries or name in others

    def __getitem__(self, name: str) -> T:
        if name not in self._entries and (point := self._others().get(name)) is not None:
            self._entries[name] = self._loaded(point)
        entry = self._entries[name]
        if isinstance(entry, str):
            entry = self._entries[name] = cast(T, lazy.load(entry))
        return entry

    def __setitem__(self, name: str, entry: T | str) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        others = self._others()
        yield from [*self._entries, *(name for name in others if name not in self._entries)]

    def __len__(self) -> int:
        return len(self._entries.keys() | self._others().keys())

    def __repr__(self) -> str:
        return f"<registry of {len(self)} × {self.kind}: {', '.join(self)}>"

    def _others(self) -> dict[str, EntryPoint]:
        """Entry points of installed packages, found when first needed; before, what the user asked
        to import is, since it may enter something here."""
        if self._group is None:
            return {}
        plugins.import_asked()
        if self._offered is None:
            self._offered = plugins.offered(f"metaplastic.{self._group}", self._entries)
        return self._offered

    def _loaded(self, point: EntryPoint) -> T:
        where = f"{point.value} of {plugins.package_of(point)}"
        try:
            entry = point.load()
        except Exception as error:
            raise ConfigError(
                f"the {self.kind} {point.name!r} cannot be loaded from {where}: "
                f"{type(error).__name__}: {error}"
            ) from None
        return self._checked(point.name, entry, where)

    def _checked(self, name: str, entry: Any, where: str) -> T:
        if self._base is not None:
            base = lazy.load(self._base)
            if not (
                (isinstance(entry, type) and issubclass(entry, base)) or isinstance(entry, base)
            ):
                raise ConfigError(
                    f"{where} is no {self.kind}: {base.__module__}.{base.__qualname__} is what "
                    "it has to be made of"
                )
        own = getattr(entry, "name", name)
        if isinstance(own, str) and own != name:
            raise ConfigError(
                f"{where} is entered as the {self.kind} {name!r}, but calls itself {own!r}"
            )
        return cast(T, entry)


def _origin(entry: object) -> str:
    """Where an entry is defined, as its address says it."""
    if isinstance(entry, str):
        return entry
    of: Any = entry if hasattr(entry, "__qualname__") else type(entry)
    return f"{of.__module__}:{of.__qualname__}"

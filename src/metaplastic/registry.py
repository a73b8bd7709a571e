"""The registry behind everything that is chosen by name: rules, data sets, baselines, studies, …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TypeVar, cast, overload

from metaplastic import lazy
from metaplastic.errors import ConfigError, unknown_name

T = TypeVar("T")
D = TypeVar("D")
_NO_DEFAULT: Any = object()


class Registry(MutableMapping[str, T]):
    """Objects by name, in the order in which they were entered.

    An entry is the object itself, or its address "module:attribute". Names are listed and checked
    without an import; the module of an address is imported when its object is first asked for.

    kind: what an entry is, in the singular, for messages.
    """

    def __init__(self, kind: str, entries: Mapping[str, T | str] | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, T | str] = dict(entries or {})

    def check(self, name: str) -> str:
        """The name itself, where there is such an entry; nothing is imported.

        Raises `ConfigError` with all names, and the nearest one, where there is none.
        """
        if name not in self:
            raise unknown_name(self.kind, name, self)
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

    def register(self, name: str, entry: T | str) -> None:
        """Enter an object, or the address of one. The same class may be entered again, as by a
        notebook's cell that is run twice; raises `ConfigError` where the name is another's."""
        if name in self and _origin(entry) != _origin(self._entries.get(name, "")):
            raise ConfigError(
                f"there is a {self.kind} {name!r} already ({_origin(self._entries[name])}); "
                f"give {_origin(entry)} another name"
            )
        self[name] = entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> T:
        entry = self._entries[name]
        if isinstance(entry, str):
            entry = self._entries[name] = cast(T, lazy.load(entry))
        return entry

    def __setitem__(self, name: str, entry: T | str) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<registry of {len(self)} × {self.kind}: {', '.join(self)}>"


def _origin(entry: object) -> str:
    """Where an entry is defined, as its address says it."""
    if isinstance(entry, str):
        return entry
    of: Any = entry if hasattr(entry, "__qualname__") else type(entry)
    return f"{of.__module__}:{of.__qualname__}"

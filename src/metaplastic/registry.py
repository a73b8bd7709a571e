"""Registry of everything that is chosen by name: rules, data sets, baselines, studies, …"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, MutableMapping
from importlib.metadata import EntryPoint
from typing import Any, Literal, TypeVar, cast, overload

from metaplastic import lazy, plugins
from metaplastic.errors import ConfigError, unknown_name

T = TypeVar("T")
D = TypeVar("D")
_NO_DEFAULT: Any = object()


class Registry(MutableMapping[str, T]):
    """Objects by name, in the order of registration.

    An entry is the object itself, or its address "module:attribute". Names are listed and checked
    without imports; the module of an address is imported when its object is first requested.

    kind: what an entry is, in the singular, for messages. group: the entry points by which
    installed packages add entries (`metaplastic.rules` for "rules"); these come last, sorted by
    name. base: the address of the class that user-defined entries must derive from. named_by: the
    attribute in which an entry holds its own name, if it does. instances: whether entries are
    classes, which are called when they are used ("never"), instances ("only"), or either.
    """

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, T | str] | None = None,
        *,
        group: str | None = None,
        base: str | None = None,
        named_by: str | None = None,
        instances: Literal["never", "allowed", "only"] = "never",
    ) -> None:
        self.kind = kind
        self._entries: dict[str, T | str] = dict(entries or {})
        self.built_in = tuple(self._entries)
        """Names that come with the package."""
        self._group, self._base = group, base
        self._named_by, self._instances = named_by, instances
        self._offered: dict[str, EntryPoint] | None = None

    def check(self, name: str) -> str:
        """Return the name if there is such an entry, without importing it.

        Raises `ConfigError` with all names, and the closest one, if there is none.
        """
        if name not in self:
            hint = "" if self._group is None else " To use one of your own, --import its file."
            raise unknown_name(self.kind, name, self, hint)
        return name

    @overload
    def get(self, name: str, /) -> T: ...

    @overload
    def get(self, name: str, /, default: T) -> T: ...

    @overload
    def get(self, name: str, /, default: D) -> T | D: ...

    def get(self, name: str, /, default: Any = _NO_DEFAULT) -> Any:
        """Return the entry of that name, or `default`, if given, when there is none.

        Raises `ConfigError` as `check` if there is neither.
        """
        if default is not _NO_DEFAULT and name not in self:
            return default
        return self[self.check(name)]

    def register(self, name: str, entry: T) -> None:
        """Register an object. The same class may be registered again, for instance by a notebook
        cell that is run twice. Raises `ConfigError` if the name is taken by another object, or if
        the object is of the wrong kind, abstract, or calls itself otherwise."""
        existing = self._entries.get(name)
        if existing is not None and _origin(entry) != _origin(existing):
            raise ConfigError(
                f"there is already a {self.kind} {name!r} ({_origin(existing)}); "
                f"give {_origin(entry)} another name"
            )
        self._entries[name] = self._checked(name, entry, _origin(entry))

    def __contains__(self, name: object) -> bool:
        if name in self._entries:
            return True
        others = self._others()  # may register the name
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
        """Return the entry points of installed packages, looked up when first needed. The user's
        requested imports come first, since they may register entries here."""
        if self._group is None:
            return {}
        plugins.import_requested()
        if self._offered is None:
            self._offered = plugins.offered(f"metaplastic.{self._group}", self._entries)
        return self._offered

    def _loaded(self, point: EntryPoint) -> T:
        source = f"{point.value} of {plugins.package_of(point)}"
        try:
            entry = point.load()
        except Exception as error:
            raise ConfigError(
                f"the {self.kind} {point.name!r} cannot be loaded from {source}: "
                f"{type(error).__name__}: {error}"
            ) from None
        return self._checked(point.name, entry, source)

    def _checked(self, name: str, entry: Any, source: str) -> T:
        """Return an entry that can be used. Raises `ConfigError` for one that would fail later."""
        if self._base is not None:
            self._check_kind(entry, lazy.load(self._base), source)
        if self._named_by is not None:
            own, which = getattr(entry, self._named_by, None), f"`{self._named_by}`"
            if own != name:
                raise ConfigError(
                    f"{source} is registered as the {self.kind} {name!r}, but "
                    + (f"its {which} is {own!r}" if own else f"it has no {which}")
                    + f"; set {self._named_by} = {name!r} in it"
                )
        if inspect.isabstract(entry):
            missing = ", ".join(sorted(entry.__abstractmethods__))
            raise ConfigError(f"{source} is not a complete {self.kind}: it must define {missing}")
        return cast(T, entry)

    def _check_kind(self, entry: Any, base: type, source: str) -> None:
        wanted = f"{base.__module__}.{base.__qualname__}"
        is_class = isinstance(entry, type)
        if not (issubclass(entry, base) if is_class else isinstance(entry, base)):
            form = {"never": "a subclass", "only": "an instance"}.get(
                self._instances, "a subclass or an instance"
            )
            raise ConfigError(f"{source} is not a {self.kind}: it must be {form} of {wanted}")
        if is_class and self._instances == "only":
            raise ConfigError(f"{source} is a class: a {self.kind} must be an instance of {wanted}")
        if not is_class and self._instances == "never":
            raise ConfigError(
                f"{source} is an instance: a {self.kind} must be a subclass of {wanted}, so "
                "register the class itself"
            )


def _origin(entry: object) -> str:
    """Return the address at which an entry is defined."""
    if isinstance(entry, str):
        return entry
    definition: Any = entry if hasattr(entry, "__qualname__") else type(entry)
    return f"{definition.__module__}:{definition.__qualname__}"

"""The allowed values of a setting, in words, read from its type and pydantic's constraints."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from metaplastic.errors import ConfigError
from metaplastic.registry import Registry

_COUNTS = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True)
class OneOf:
    """Constraint on a string to be one of a registry's names: `Annotated[str, OneOf(ENGINES)]`."""

    registry: Registry[Any]

    def check(self, name: str) -> str:
        """Return the name. Raises `ValueError` with all names, and the closest one."""
        try:
            return self.registry.check(name)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


class Kind(NamedTuple):
    """The allowed values, in words: the singular `one` ("a number"), the plural `many` ("numbers"),
    the constraint `allowed` ("above 0", or ""), a valid `example`, and `names` to choose from."""

    one: str
    many: str
    allowed: str
    example: Any
    names: tuple[Any, ...] = ()

    @property
    def expected(self) -> str:
        """The expected value with its constraint, such as "a number above 0"."""
        if self.allowed.startswith("one of"):
            return self.allowed
        separator = " " if self.allowed.startswith(("above", "below")) else ", "
        return f"{self.one}{separator}{self.allowed}" if self.allowed else self.one


def is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Return whether a field always holds a nested model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the nested model that a field may hold, or None."""
    members = get_args(annotation) if _is_union(annotation) else [annotation]
    return next(filter(is_model, members), None)


def as_text(value: Any) -> str:
    """Return a value as written in TOML, JSON or `--set`."""
    return json.dumps(value, ensure_ascii=False, default=str)


def kind_of(annotation: Any, metadata: Iterable[Any] = ()) -> Kind:
    """Return what a type annotation with pydantic's constraints allows."""
    constraints = [*_flat(metadata)]
    while get_origin(annotation) is Annotated:
        annotation, *nested = get_args(annotation)
        constraints += _flat(nested)
    if _is_union(annotation):
        return _union(list(get_args(annotation)), constraints)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _named(arguments)
    if origin in (tuple, list):
        return _sequence(arguments, constraints)
    for constraint in constraints:
        if isinstance(constraint, OneOf):
            return _named(tuple(constraint.registry))
    if annotation is bool:
        return Kind("true or false", "values of true or false", "", True)
    if annotation in (int, float):
        return _number(annotation, constraints)
    if annotation is str:
        return Kind("a string", "strings", "", "...")
    return Kind("a table", "tables", "", {})


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        yield from _flat(item.metadata) if isinstance(item, FieldInfo) else (item,)


def _or(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _named(names: tuple[Any, ...]) -> Kind:
    return Kind(
        "a string", "strings", f"one of {_or([as_text(n) for n in names])}", names[0], names
    )


def _union(members: list[Any], constraints: list[Any]) -> Kind:
    kinds = [kind_of(member, constraints) for member in members if member is not type(None)]
    allowed = "; ".join(dict.fromkeys(kind.allowed for kind in kinds if kind.allowed))
    if type(None) in members:
        allowed = f"{allowed}, or null" if allowed else "or null"
    first = kinds[0]
    one, many = (_or([getattr(kind, n) for kind in kinds]) for n in ("one", "many"))
    return first._replace(one=one, many=many, allowed=allowed)


def _bounds(constraints: list[Any], *names: str) -> list[Any]:
    def bound(name: str) -> Any:
        values = (getattr(constraint, name, None) for constraint in constraints)
        return next((value for value in values if value is not None), None)

    return [bound(name) for name in names]


def _number(annotation: type, constraints: list[Any]) -> Kind:
    above, least, below, most = _bounds(constraints, "gt", "ge", "lt", "le")
    words = [
        f"{word} {bound:,}" if isinstance(bound, int) else f"{word} {bound:g}"
        for word, bound in (
            ("above", above),
            ("at least", least),
            ("below", below),
            ("at most", most),
        )
        if bound is not None
    ]
    name = "whole number" if annotation is int else "number"
    example: Any = least if least is not None else (above or 0) + 1
    if most is not None and example > most:
        example = most
    return Kind(f"a {name}", f"{name}s", " and ".join(words), annotation(example))


def _sequence(arguments: tuple[Any, ...], constraints: list[Any]) -> Kind:
    one = kind_of(arguments[0])
    each = f"each {one.allowed}" if one.allowed else ""
    if Ellipsis not in arguments:
        count = _COUNTS.get(len(arguments), str(len(arguments)))
        return Kind(
            f"{count} {one.many}",
            f"lists of {one.many}",
            each,
            [one.example] * len(arguments),
            one.names,
        )
    least, most = _bounds(constraints, "min_length", "max_length")
    sizes = [f"{least} or more" if least else "", f"at most {most}" if most else ""]
    allowed = "; ".join(filter(None, [*sizes, each]))
    example = [one.example] * (least or 1)
    return Kind(f"a list of {one.many}", f"lists of {one.many}", allowed, example, one.names)

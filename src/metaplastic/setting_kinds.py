"""What a setting may be, in words, read from its type annotation and pydantic's constraints."""

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
    """Marks a text as one of a registry's names: `Annotated[str, OneOf(ENGINES)]`."""

    registry: Registry[Any]

    def check(self, name: str) -> str:
        """The name itself. Raises `ValueError` with all names, and the nearest one."""
        try:
            return self.registry.check(name)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


class Kind(NamedTuple):
    """What a value may be, in words: `one` of them ("a number"), `many` ("numbers"), which are
    `allowed` ("above 0", or nothing), a value that would do, and the names to choose from."""

    one: str
    many: str
    allowed: str
    example: Any
    names: tuple[Any, ...] = ()

    @property
    def whole(self) -> str:
        """What to give."""
        if self.allowed.startswith("one of"):
            return self.allowed
        between = " " if self.allowed.startswith(("above", "below")) else ", "
        return f"{self.one}{between}{self.allowed}" if self.allowed else self.one


def is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Whether a field always holds a model of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, if it holds one."""
    inside = get_args(annotation) if _is_union(annotation) else [annotation]
    return next(filter(is_model, inside), None)


def as_text(value: Any) -> str:
    """A value as TOML and JSON, or `--set`, write it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def kind_of(annotation: Any, metadata: Iterable[Any] = ()) -> Kind:
    """What a type annotation with pydantic's constraints allows."""
    marks = [*_flat(metadata)]
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        marks += _flat(more)
    if _is_union(annotation):
        return _union(list(get_args(annotation)), marks)
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _named(inside)
    if origin in (tuple, list):
        return _sequence(inside, marks)
    for mark in marks:
        if isinstance(mark, OneOf):
            return _named(tuple(mark.registry))
    if annotation is bool:
        return Kind("true or false", "values of true or false", "", True)
    if annotation in (int, float):
        return _number(annotation, marks)
    if annotation is str:
        return Kind("text", "texts", "", "...")
    return Kind("a table", "tables", "", {})


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for mark in metadata:
        yield from _flat(mark.metadata) if isinstance(mark, FieldInfo) else (mark,)


def _or(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _named(names: tuple[Any, ...]) -> Kind:
    return Kind("text", "texts", f"one of {_or([as_text(n) for n in names])}", names[0], names)


def _union(members: list[Any], marks: list[Any]) -> Kind:
    kinds = [kind_of(member, marks) for member in members if member is not type(None)]
    allowed = "; ".join(dict.fromkeys(kind.allowed for kind in kinds if kind.allowed))
    if type(None) in members:
        allowed = f"{allowed}, or null" if allowed else "or null"
    first = kinds[0]
    one, many = (_or([getattr(kind, n) for kind in kinds]) for n in ("one", "many"))
    return first._replace(one=one, many=many, allowed=allowed)


def _bounds(marks: list[Any], *names: str) -> list[Any]:
    return [next((v for m in marks if (v := getattr(m, n, None)) is not None), None) for n in names]


def _number(annotation: type, marks: list[Any]) -> Kind:
    above, least, below, most = _bounds(marks, "gt", "ge", "lt", "le")
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


def _sequence(inside: tuple[Any, ...], marks: list[Any]) -> Kind:
    one = kind_of(inside[0])
    each = f"each {one.allowed}" if one.allowed else ""
    if Ellipsis not in inside:
        count = _COUNTS.get(len(inside), str(len(inside)))
        return Kind(
            f"{count} {one.many}",
            f"lists of {one.many}",
            each,
            [one.example] * len(inside),
            one.names,
        )
    least, most = _bounds(marks, "min_length", "max_length")
    sizes = [f"{least} or more" if least else "", f"{most} at most" if most else ""]
    allowed = "; ".join(filter(None, [*sizes, each]))
    example = [one.example] * (least or 1)
    return Kind(f"a list of {one.many}", f"lists of {one.many}", allowed, example, one.names)

"""Settings as typed models: what each may be, in words, and errors that say so with an example.

Every model of settings is pydantic's, and each of its fields has a `description`: the reference,
the command `metaplastic settings` and the errors below are made from nothing else.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticUndefined, core_schema

from metaplastic.errors import ConfigError, cut, nearest
from metaplastic.registry import Registry

Model = TypeVar("Model", bound=BaseModel)
_ECHO = 100  # characters of a value that an error repeats
_COUNTS = {2: "two", 3: "three", 4: "four"}


class SettingsError(ConfigError, ValueError):
    """Settings that a model refuses: each problem with the path of its setting.

    Raised within a validator of pydantic's, it becomes part of the enclosing model's error.
    """

    def __init__(self, what: str, problems: Iterable[tuple[tuple[str, ...], str]]) -> None:
        self.problems = tuple(problems)
        lines = (f"{'.'.join(path)}: {text}" if path else text for path, text in self.problems)
        super().__init__(f"bad {what}: " + "; ".join(lines))

    def below(self, *path: str) -> SettingsError:
        """The same problems of settings that lie at `path` of others."""
        return SettingsError("settings", (((*path, *own), text) for own, text in self.problems))


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


@dataclass(frozen=True)
class Setting:
    """One field of a model, in words; `default` is None where it has to be given."""

    name: str
    kind: Kind
    default: str | None
    meaning: str


def validated(model: type[Model], values: Mapping[str, Any], what: str = "settings") -> Model:
    """The values as that model. Raises `SettingsError`, one line that names each wrong setting,
    what it may be, with an example, and what was given."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise settings_error(error, model, what) from None


def settings_of(model: type[BaseModel]) -> Iterator[Setting]:
    """The fields of a model that are not models themselves."""
    for name, field in model.model_fields.items():
        if not is_model(field.annotation):
            kind = kind_of(field.annotation, field.metadata)
            default = None if field.is_required() else as_text(default_of(field))
            yield Setting(name, kind, default, field.description or "")


def is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Whether a field always holds a model of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, if it holds one."""
    inside = get_args(annotation) if _is_union(annotation) else [annotation]
    return next(filter(is_model, inside), None)


def default_of(field: FieldInfo) -> Any:
    """A field's default, JSON-able."""
    default = field.get_default(call_default_factory=True)
    return default.model_dump(mode="json") if isinstance(default, BaseModel) else default


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


def settings_error(
    error: ValidationError, model: type[BaseModel], what: str = "configuration"
) -> SettingsError:
    """A validation error of a model in plain words."""
    problems: dict[tuple[str, ...], str] = {}
    errors = error.errors(include_url=False)
    for each in errors:
        # of a list whose items are wrong pydantic says too that it has too few
        if each["type"] == "too_short" and any(_within(e["loc"], each["loc"]) for e in errors):
            continue
        for path, text in _problems(each, model):
            problems.setdefault(path, text)  # a union has one for each of its members
    return SettingsError(what, problems.items())


def _problems(each: Any, model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], str]]:
    path, field, inside, owner = _found(model, each["loc"])
    raised = each.get("ctx", {}).get("error")
    if each["type"] == "extra_forbidden" or (field is None and inside):
        name = cut(str(inside[0]), _ECHO)
        yield (*path, name), _unknown(name, owner, model)
    elif isinstance(raised, SettingsError):
        items = [f"item {part + 1}" for part in inside if isinstance(part, int)]
        yield from (((*path, *items, *own), text) for own, text in raised.problems)
    elif each["type"] == "value_error":
        yield path, str(raised or each["msg"])
    elif field is None:
        yield path, f"give a table of settings{_given(each['input'])}"
    else:
        yield path, _wrong(each, path, field, inside)


def _within(inner: tuple[Any, ...], outer: tuple[Any, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _found(
    model: type[BaseModel], loc: tuple[Any, ...]
) -> tuple[tuple[str, ...], FieldInfo | None, tuple[Any, ...], type[BaseModel]]:
    """The setting that an error is of: its path and field; what is left of the location, that of
    an item or of a union's member; and the model that it is of."""
    path: list[str] = []
    field: FieldInfo | None = None
    for number, part in enumerate(loc):
        if part not in model.model_fields:
            return tuple(path), None, loc[number:], model
        field = model.model_fields[part]
        path.append(part)
        below = model_of(field.annotation)
        if below is None or number == len(loc) - 1:
            return tuple(path), field, loc[number + 1 :], model
        model = below
    return tuple(path), field, (), model


def _wrong(each: Any, path: tuple[str, ...], field: FieldInfo, inside: tuple[Any, ...]) -> str:
    if (below := model_of(field.annotation)) is not None:
        name, first = next(iter(below.model_fields.items()))
        value = _example(first)
        return (
            f"give a table of settings, for example {'.'.join(path)}.{name} = {value}"
            f"{_given(each['input'])}"
        )
    kind = kind_of(field.annotation, field.metadata)
    if each["type"] == "missing" and not inside:
        return f"is needed: {kind.whole}, for example {_example(field)}"
    is_name = each["type"] == "literal_error" and isinstance(each["input"], str)
    hint = nearest(each["input"], kind.names) if is_name else ""
    items = [part for part in inside if isinstance(part, int)]
    where = f"item {items[0] + 1}: " if items and each["type"] != "missing" else ""
    given = _given(each["input"], where)
    return f"give {kind.whole}, for example {_example(field)}{given}{'.' * bool(hint)}{hint}"


def _example(field: FieldInfo) -> str:
    """A value of a setting: its default, or one that it names, or one that its type allows."""
    default = None if field.is_required() else default_of(field)
    if field.examples:
        default = field.examples[0]
    if default is None or default is PydanticUndefined or default == ():
        default = kind_of(field.annotation, field.metadata).example
    return as_text(default)


def _given(value: Any, where: str = "") -> str:
    shown = "a table" if isinstance(value, Mapping) else cut(repr(value), _ECHO)
    return f" (given {where}{shown})"


def _unknown(name: str, owner: type[BaseModel], whole: type[BaseModel]) -> str:
    """What is said of a setting that is not there: the nearest of those beside it, or the one of
    that name elsewhere, or all that there are."""
    names = list(owner.model_fields)
    hint = nearest(name, names)
    if not hint:
        elsewhere = {path.rpartition(".")[2]: path for path in reversed([*_paths(whole)])}
        hint = nearest(name, elsewhere, elsewhere.__getitem__)
    known = f"there are: {', '.join(names)}" if names else "there are none here"
    return f"there is no such setting; {known}.{hint}"


def _paths(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        below = model_of(field.annotation)
        yield name
        if below is not None:
            yield from (f"{name}.{path}" for path in _paths(below))

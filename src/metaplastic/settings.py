"""Settings as typed models: what each may be, in words, and errors that say so with an example.

Every model of settings is pydantic's, and each of its fields has a `description`: the reference,
the command `metaplastic settings` and the errors below are made from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from metaplastic.errors import ConfigError, cut, nearest
from metaplastic.setting_kinds import Kind, as_text, is_model, kind_of, model_of

Model = TypeVar("Model", bound=BaseModel)
_ECHO = 100  # characters of a value that an error repeats


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


def default_of(field: FieldInfo) -> Any:
    """A field's default, JSON-able."""
    default = field.get_default(call_default_factory=True)
    return default.model_dump(mode="json") if isinstance(default, BaseModel) else default


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

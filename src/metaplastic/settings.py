"""Settings as typed models: their allowed values in words, and error messages with an example.

Settings are pydantic models, mostly `SettingsModel`s, whose fields all have a `description`: the
reference, the command `metaplastic settings` and the error messages below are generated from these
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from metaplastic.errors import ConfigError, cut, nearest
from metaplastic.setting_kinds import Kind, as_text, is_model, kind_of, model_of

Model = TypeVar("Model", bound=BaseModel)
_ECHO = 100  # characters of a value that an error repeats


class SettingsModel(BaseModel):
    """Base class of settings: immutable, without unknown fields, and with finite numbers only
    unless a field allows others."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NoSettings(SettingsModel):
    """The settings of an entry that has none."""


class AnySettings(BaseModel):
    """The settings of an entry that does not describe them: all are taken as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")


class SettingsError(ConfigError, ValueError):
    """Invalid settings: each problem with the path of its setting.

    Raised within a pydantic validator, it becomes part of the enclosing model's error.
    """

    def __init__(self, subject: str, problems: Iterable[tuple[tuple[str, ...], str]]) -> None:
        self.problems = tuple(problems)
        lines = (f"{'.'.join(path)}: {text}" if path else text for path, text in self.problems)
        super().__init__(f"invalid {subject}: " + "; ".join(lines))

    def below(self, *path: str) -> SettingsError:
        """Return the same problems, for settings nested at `path` of others."""
        return SettingsError("settings", (((*path, *inner), text) for inner, text in self.problems))


@dataclass(frozen=True)
class Setting:
    """One field of a model, in words; `default` is None if the setting is required."""

    name: str
    kind: Kind
    default: str | None
    meaning: str


def validated(model: type[Model], values: Mapping[str, Any], subject: str = "settings") -> Model:
    """Return the values as an instance of `model`. Raises `SettingsError`, in one line, that names
    each invalid setting, its allowed values with an example, and the value given."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise settings_error(error, model, subject) from None


def settings_of(model: type[BaseModel]) -> Iterator[Setting]:
    """Yield the fields of a model that are not models themselves."""
    for name, field in model.model_fields.items():
        if not is_model(field.annotation):
            kind = kind_of(field.annotation, field.metadata)
            default = None if field.is_required() else as_text(default_of(field))
            yield Setting(name, kind, default, field.description or "")


def default_of(field: FieldInfo) -> Any:
    """Return a field's default, JSON-able."""
    default = field.get_default(call_default_factory=True)
    return default.model_dump(mode="json") if isinstance(default, BaseModel) else default


def settings_error(
    error: ValidationError, model: type[BaseModel], subject: str = "configuration"
) -> SettingsError:
    """Convert a pydantic validation error of a model to a message in plain words."""
    problems: dict[tuple[str, ...], str] = {}
    errors = error.errors(include_url=False)
    for each in errors:
        # for a list with invalid items pydantic also reports that it is too short
        if each["type"] == "too_short" and any(_within(e["loc"], each["loc"]) for e in errors):
            continue
        for path, text in _problems(each, model):
            problems.setdefault(path, text)  # a union has one error per member
    return SettingsError(subject, problems.items())


def _problems(each: Any, model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], str]]:
    path, field, remaining, owner = _locate(model, each["loc"])
    raised = each.get("ctx", {}).get("error")
    if each["type"] == "extra_forbidden" or (field is None and remaining):
        name = cut(str(remaining[0]), _ECHO)
        yield (*path, name), _unknown(name, owner, model)
    elif isinstance(raised, SettingsError):
        items = [f"item {part + 1}" for part in remaining if isinstance(part, int)]
        yield from (((*path, *items, *inner), text) for inner, text in raised.problems)
    elif each["type"] == "value_error":
        yield path, str(raised or each["msg"])
    elif field is None:
        yield path, f"give a table of settings{_given(each['input'])}"
    else:
        yield path, _invalid(each, path, field, remaining)


def _within(inner: tuple[Any, ...], outer: tuple[Any, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _locate(
    model: type[BaseModel], loc: tuple[Any, ...]
) -> tuple[tuple[str, ...], FieldInfo | None, tuple[Any, ...], type[BaseModel]]:
    """Find the setting at an error's location: return its path and field; the remaining location,
    of an item or of a union's member; and the model that owns it."""
    path: list[str] = []
    field: FieldInfo | None = None
    for index, part in enumerate(loc):
        if part not in model.model_fields:
            return tuple(path), None, loc[index:], model
        field = model.model_fields[part]
        path.append(part)
        nested = model_of(field.annotation)
        if nested is None or index == len(loc) - 1:
            return tuple(path), field, loc[index + 1 :], model
        model = nested
    return tuple(path), field, (), model


def _invalid(each: Any, path: tuple[str, ...], field: FieldInfo, remaining: tuple[Any, ...]) -> str:
    if (nested := model_of(field.annotation)) is not None:
        name, first = next(iter(nested.model_fields.items()))
        value = _example(first)
        return (
            f"give a table of settings, for example {'.'.join(path)}.{name} = {value}"
            f"{_given(each['input'])}"
        )
    kind = kind_of(field.annotation, field.metadata)
    if each["type"] == "missing" and not remaining:
        return f"is required: {kind.expected}, for example {_example(field)}"
    is_name = each["type"] == "literal_error" and isinstance(each["input"], str)
    hint = nearest(each["input"], kind.names) if is_name else ""
    items = [part for part in remaining if isinstance(part, int)]
    item = f"item {items[0] + 1}: " if items and each["type"] != "missing" else ""
    given = _given(each["input"], item)
    return f"give {kind.expected}, for example {_example(field)}{given}{'.' * bool(hint)}{hint}"


def _example(field: FieldInfo) -> str:
    """Return a valid value of a setting: its example, its default, or one that its type allows."""
    default = None if field.is_required() else default_of(field)
    if field.examples:
        default = field.examples[0]
    if default is None or default is PydanticUndefined or default == ():
        default = kind_of(field.annotation, field.metadata).example
    return as_text(default)


def _given(value: Any, item: str = "") -> str:
    shown = "a table" if isinstance(value, Mapping) else cut(repr(value), _ECHO)
    return f" (given {item}{shown})"


def _unknown(name: str, owner: type[BaseModel], root: type[BaseModel]) -> str:
    """Return the message for an unknown setting: the names of its table, and the closest name
    there, or else the setting of that name elsewhere."""
    names = list(owner.model_fields)
    hint = nearest(name, names)
    if not hint:
        elsewhere = {path.rpartition(".")[2]: path for path in reversed([*_paths(root)])}
        hint = nearest(name, elsewhere, elsewhere.__getitem__)
    known = f"known: {', '.join(names)}" if names else "there are none here"
    return f"there is no such setting; {known}.{hint}"


def _paths(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        nested = model_of(field.annotation)
        yield name
        if nested is not None:
            yield from (f"{name}.{path}" for path in _paths(nested))

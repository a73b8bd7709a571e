"""Settings of a run as unchecked tables: presets, files and overrides, each merged over the one
before."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from metaplastic import files
from metaplastic.errors import ConfigError, unknown_name
from metaplastic.meta.config import MetaTrainConfig, parse_config
from metaplastic.meta.estimators import ESTIMATORS
from metaplastic.meta.presets import PRESETS
from metaplastic.objectives import OBJECTIVES
from metaplastic.registry import Registry
from metaplastic.rules import RULES

CHOSEN: dict[str, Registry[Any]] = {
    "rule": RULES,
    "objective": OBJECTIVES,
    "estimator": ESTIMATORS,
}
"""The sections that choose an entry of a registry and hold the settings of that entry."""


def make_config(
    preset: str = "quick",
    file: Path | None = None,
    overrides: Iterable[Mapping[str, Any]] = (),
) -> MetaTrainConfig:
    """Build a configuration from a preset, then a file (TOML or JSON), then overrides, each merged
    over the one before.

    Raises a `ConfigError` that names the field, what was given and what is allowed.
    """
    return parse_config(lay(make_table(preset, file), combine(overrides)))


def make_table(preset: str = "quick", file: Path | None = None) -> dict[str, Any]:
    """Merge the file's settings over the preset's, without checking them. Raises `ConfigError` if
    the preset is unknown or the file cannot be read."""
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    table = dict(PRESETS[preset])
    return table if file is None else lay(table, _read_table(file))


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `over` over `base`, nested tables key by key."""
    merged = dict(base)
    for key, value in over.items():
        base_value = merged.get(key)
        if isinstance(value, Mapping) and isinstance(base_value, Mapping):
            merged[key] = merge(base_value, value)
        else:
            merged[key] = value
    return merged


def lay(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `over` over the settings of a run. If it chooses another rule, objective or estimator,
    the settings of the previous one no longer apply and are dropped with a warning."""
    merged, over = _named(table), _named(over)
    for section, registry in CHOSEN.items():
        before, after = merged.get(section), over.get(section)
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            continue
        old = before.get("name", MetaTrainConfig.model_fields[section].default.name)
        new = after.get("name", old)
        if before.get("settings") and new != old and isinstance(new, str) and new in registry:
            names = ", ".join(map(str, before["settings"]))
            warnings.warn(
                f"{section} {files.show(new)!r} replaces {files.show(old)!r}: the settings of "
                f"{files.show(old)!r} are dropped ({files.show(names)})",
                stacklevel=2,
            )
            merged[section] = {key: value for key, value in before.items() if key != "settings"}
    return merge(merged, over)


def combine(overrides: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Combine overrides into one table, each merged over the one before."""
    return reduce(merge, map(_named, overrides), {})


def _named(table: Mapping[str, Any]) -> dict[str, Any]:
    """Expand each section given only by a name, such as an objective, into a table."""
    return {
        key: {"name": value} if key in CHOSEN and isinstance(value, str) else value
        for key, value in table.items()
    }


def parse_override(text: str) -> dict[str, Any]:
    """Parse text such as `"optimizer.learning_rate=1e-3"` into a nested table. The value is read as
    JSON if possible, else as a string. Raises `ConfigError` if there is no `=`."""
    path, separator, value = text.partition("=")
    if not separator or not path.strip():
        raise ConfigError(f"--set {files.show(text)!r}: write it as section.field=value")
    try:
        nested: Any = files.decode_json(value)
    except json.JSONDecodeError:
        nested = value
    except ValueError as error:
        raise ConfigError(f"--set {files.show(text)!r}: {error}") from None
    keys = path.strip().split(".")
    if len(keys) > files.MOST_NESTING:
        raise ConfigError(f"--set {files.show(text)!r}: there is no such setting")
    for key in reversed(keys):
        nested = {key: nested}
    return nested


def recipes() -> dict[str, Path]:
    """Return the configurations that come with the package, by the names that rule cards use, such
    as `recipes/default.toml`."""
    here = Path(__file__).parents
    for folder in (here[1] / "recipes", here[3] / "recipes"):  # installed; in a checkout
        if folder.is_dir():
            return {f"recipes/{file.name}": file for file in sorted(folder.glob("*.toml"))}
    return {}


def _read_table(file: Path) -> dict[str, Any]:
    if not file.exists() and file.parent == Path("recipes") and (known := recipes()):
        if file.as_posix() not in known:
            raise unknown_name("recipe", file.as_posix(), known)
        file = known[file.as_posix()]
    read = files.read_json if file.suffix.lower() == ".json" else files.read_toml
    try:
        table = read(file, ConfigError)
    except ConfigError as error:
        raise ConfigError(f"cannot read the configuration: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{str(file)!r} must hold a table of settings")
    return table

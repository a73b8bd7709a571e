"""Errors a user can cause. The command line prints them as one line and exits with status 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


_LONGEST = 1000  # characters of a message
_ECHO = 100  # of a value that it repeats


class MetaplasticError(Exception):
    """What was given, what is allowed and what to do, in one line."""

    def __str__(self) -> str:
        # what comes from files may hold line breaks, what steers a terminal, or megabytes
        text = " ".join(super().__str__().splitlines()).replace("\t", " ")
        return _cut("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _cut(text: str, longest: int = _LONGEST) -> str:
    """A text without its middle, where it is too long."""
    end = longest // 4
    return text if len(text) <= longest else f"{text[: longest - end - 3]} … {text[-end:]}"


class ConfigError(MetaplasticError):
    """A setting has a value that it may not have."""


class DataError(MetaplasticError):
    """A data set, or a file of one, is missing, damaged or not what it should be."""


class RuleFileError(MetaplasticError):
    """A rule file is missing, damaged or of a kind that this version cannot read."""


class ModelFileError(MetaplasticError):
    """The file of a fitted encoder is missing, damaged or cannot be read by this version."""


class RunError(MetaplasticError):
    """A run directory cannot be used as asked."""


class MissingExtraError(MetaplasticError):
    """An optional dependency is not installed; names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: "
            f"pip install 'metaplastic[{extra}]'"
        )


def unknown_name(kind: str, given: str, allowed: Iterable[str], more: str = "") -> ConfigError:
    """An error that lists what is allowed and, where one is near, what was probably meant; `more`
    is said last."""
    from difflib import get_close_matches

    names = sorted(allowed)
    near = get_close_matches(given, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigError(f"unknown {kind} {given!r}; known: {', '.join(names)}.{hint}{more}")


def config_error(error: ValidationError, what: str = "configuration") -> ConfigError:
    """A validation error as one line: each field, what is wrong with it, what was given."""
    parts = []
    for e in error.errors(include_url=False):
        where = _cut(".".join(str(part) for part in e["loc"]), _ECHO)
        message = e["msg"].removeprefix("Value error, ")
        if e["type"] == "extra_forbidden":
            message = "there is no such setting"
        given = (
            ""
            if isinstance(e["input"], Mapping) or not where
            else f" (given {_cut(repr(e['input']), _ECHO)})"
        )
        parts.append(f"{where}: {message}{given}" if where else message)
    return ConfigError(f"bad {what}: " + "; ".join(parts))

"""Errors that users can cause. The command line prints them in one line and exits with status 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable

_LONGEST = 1000  # characters of a message


class MetaplasticError(Exception):
    """Base class; messages say what was given, what is allowed and what to do, in one line."""

    def __str__(self) -> str:
        # text from files may hold line breaks, terminal control characters, or megabytes
        text = " ".join(super().__str__().splitlines()).replace("\t", " ")
        return cut(printable(text))


def printable(text: str) -> str:
    """Replace line breaks and all else that a terminal would act on."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def cut(text: str, longest: int = _LONGEST) -> str:
    """Shorten a text longer than `longest` characters by cutting its middle."""
    end = longest // 4
    return text if len(text) <= longest else f"{text[: longest - end - 3]} … {text[-end:]}"


class ConfigError(MetaplasticError):
    """A setting has an invalid value."""


class DataError(MetaplasticError):
    """A data set, or one of its files, is missing, damaged or not as expected."""


class RuleFileError(MetaplasticError):
    """A rule file is missing, damaged or of a kind that this version cannot read."""


class ModelFileError(MetaplasticError):
    """The file of a fitted encoder is missing, damaged or cannot be read by this version."""


class RunError(MetaplasticError):
    """A run directory cannot be used as asked."""


class MissingExtraError(MetaplasticError):
    """An optional dependency is not installed; the message names the extra that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: "
            f"pip install 'metaplastic[{extra}]'"
        )


def nearest(given: str, names: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """Return " Did you mean 'x'?" if one of the names is close to `given`, else ""."""
    from difflib import get_close_matches

    matches = get_close_matches(given, list(names), n=1)
    return f" Did you mean {shown(matches[0])!r}?" if matches else ""


def unknown_name(kind: str, given: str, allowed: Iterable[str], advice: str = "") -> ConfigError:
    """Return an error that lists the allowed names and suggests the closest one; `advice` ends the
    message."""
    names = sorted(allowed)
    hint = nearest(given, names)
    return ConfigError(f"unknown {kind} {given!r}; known: {', '.join(names)}.{hint}{advice}")

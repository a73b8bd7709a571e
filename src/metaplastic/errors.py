"""Errors a user can cause. The command line prints them as one line and exits with status 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable

_LONGEST = 1000  # characters of a message


class MetaplasticError(Exception):
    """What was given, what is allowed and what to do, in one line."""

    def __str__(self) -> str:
        # what comes from files may hold line breaks, what steers a terminal, or megabytes
        text = " ".join(super().__str__().splitlines()).replace("\t", " ")
        return cut("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def cut(text: str, longest: int = _LONGEST) -> str:
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


def nearest(given: str, names: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """ " Did you mean 'x'?", where a name is near what was given; else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(given, list(names), n=1)
    return f" Did you mean {shown(near[0])!r}?" if near else ""


def unknown_name(kind: str, given: str, allowed: Iterable[str], more: str = "") -> ConfigError:
    """An error that lists what is allowed and, where one is near, what was probably meant; `more`
    is said last."""
    names = sorted(allowed)
    hint = nearest(given, names)
    return ConfigError(f"unknown {kind} {given!r}; known: {', '.join(names)}.{hint}{more}")

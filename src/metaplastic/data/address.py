"""Addresses of data sets: NAME, NAME@SIZE, SCHEME:PATH, SCHEME:PATH@SIZE?OPTION=VALUE&…"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from metaplastic.data.locate import user_path
from metaplastic.errors import DataError

_SCHEME = re.compile(r"^([a-z][a-z0-9_]*):(.*)$", re.DOTALL)
_SIZE = re.compile(r"^(.*)@([0-9]+)$", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """A parsed address.

    `name` is that of a data set or a scheme; `rest` is what follows "scheme:", and is empty for a
    data set given by name.
    """

    name: str
    rest: str = ""
    size: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_scheme(self) -> bool:
        return bool(self.rest)


def parse_address(text: str) -> Address:
    """Parse an address. Raises DataError if the text is not a valid address.

    A path that itself ends in "@14", or contains "?", is taken whole if such a file exists.
    """
    address = text.strip()
    if not address or "\0" in address:
        raise DataError(
            f"not the address of a data set: {text!r}; give a name such as mnist or glyphs@14, "
            "or folder:PATH, npz:PATH, csv:PATH?label=COLUMN"
        )
    match = _SCHEME.match(address)
    if match is None:
        body, options = _split_options(address)
        name, size = _split_size(body)
        if not name:
            raise DataError(f"not the address of a data set: {text!r}; the name is missing")
        return Address(name, "", size, options)
    scheme, rest = match.groups()
    if not rest:
        raise DataError(f"address {text!r} has nothing after '{scheme}:'")
    if _exists(rest):
        return Address(scheme, rest)
    body, options = _split_options(rest)
    if _exists(body):
        return Address(scheme, body, None, options)
    body, size = _split_size(body)
    if not body:
        raise DataError(f"address {text!r} has nothing after '{scheme}:'")
    return Address(scheme, body, size, options)


def _exists(path: str) -> bool:
    try:
        return user_path(path).exists()
    except (OSError, DataError):  # name too long for the file system, or no such user
        return False


def _split_options(text: str) -> tuple[str, dict[str, str]]:
    body, mark, query = text.partition("?")
    options: dict[str, str] = {}
    for item in query.split("&") if mark else ():
        key, equals, value = item.partition("=")
        if not key or not equals or not value or key in options:
            raise DataError(
                f"cannot read the options {query!r} of the address {text!r}: "
                "write them as KEY=VALUE&KEY=VALUE, each key once"
            )
        options[key] = unquote(value)
    return body, options


def _split_size(text: str) -> tuple[str, int | None]:
    match = _SIZE.match(text)
    if match is None:
        return text, None
    digits = match.group(2)
    size = int(digits) if len(digits) <= 6 else 0
    if not 1 <= size <= 1024:
        raise DataError(f"resolution @{digits} of {text!r} must be between 1 and 1024 pixels")
    return match.group(1), size


def check_options(address: Address, allowed: Collection[str], example: str) -> None:
    """Raise DataError for an option that the source does not have."""
    for key in address.options:
        if key not in allowed:
            known = f"it takes: {', '.join(allowed)}" if allowed else "it takes none"
            raise DataError(
                f"{address.name!r} has no option {key!r}; {known} (for example {example})"
            )

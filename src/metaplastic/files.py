"""Atomic writing of files, and bounded reading of files that others can change.

Writing is all or nothing. Reading never takes more than its limit, and any problem with the
contents is a one-line error. Errors are of the class that the caller passes.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from metaplastic.errors import MetaplasticError, printable

JSON_LIMIT = 1 << 28  # bytes
TOML_LIMIT = 1 << 20
MOST_NESTING = 50  # levels of nested lists and tables
MOST_DIGITS = 20  # of an integer; 64 bits have fewer
_LARGEST = 10**MOST_DIGITS
_ECHO = 200  # characters of the user's input that a message repeats

Content = bytes | Callable[[BinaryIO], object]
Error = type[MetaplasticError]


def write(path: Path, content: Content, error: Error, *, parents: bool = False) -> None:
    """Write a file atomically: to a temporary file next to `path`, synchronised, then renamed.

    Readers of `path` find either the old or the new content, even if the writer is killed at any
    moment. `content` is the bytes, or a function that writes them to the open file it is passed
    (whose `name` is the temporary file's path). With `parents`, missing folders are created. A link
    is followed and stays a link; a device or a pipe is written to directly.

    Raises `error` if the file cannot be written. Any other failure, an interrupt included, leaves
    the old content and no temporary file.
    """
    try:
        if _is_device(path):
            with path.open("wb") as file:
                _fill(file, content)
            return
        target = _target(path, parents=parents)
        temporary = _temporary(target)
        try:
            with temporary.open("xb") as file:  # x: never through a link that someone put there
                _fill(file, content)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                with suppress(OSError):
                    shutil.copymode(target, temporary)
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _synchronise_folder(target.parent)
    except OSError as cause:
        _raise_unwritable(path, cause, error)


def check_writable(path: Path, error: Error, *, parents: bool = False) -> None:
    """Check that `write` would succeed, before starting long work: raise `error` if the folder is
    missing, or if it or the file is not writable. A full disk is not detected."""
    try:
        if not _is_device(path):
            _create_in(_target(path, parents=parents).parent)
    except OSError as cause:
        _raise_unwritable(path, cause, error)


def make_folder(path: Path, error: Error) -> None:
    """Create a folder, and its parents, if missing. Raises `error` if that fails, or if no file can
    be written in it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        _create_in(path)
    except FileExistsError:
        kind = "a broken link" if path.is_symlink() else "a file, not a folder"
        raise error(f"cannot write into {show(path)}: it is {kind}") from None
    except (OSError, ValueError) as cause:
        raise error(f"cannot write into {show(path)}: {_reason(cause)}") from None


def _target(path: Path, *, parents: bool) -> Path:
    """Resolve `path` and return it if a file may be written there. Raises OSError if not."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(0, "it is a folder; name a file")
        if parents:
            with suppress(FileExistsError):  # a file or a broken link: handled below
                path.parent.mkdir(parents=True, exist_ok=True)
    except ValueError as cause:  # a NUL character, or a lone surrogate
        raise OSError(0, str(cause)) from None
    if not target.parent.is_dir():
        raise FileNotFoundError(0, f"there is no folder {show(target.parent)}")
    # a rename would replace even a read-only file
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(0, "it is read-only")
    return target


def _mode(path: Path) -> int:
    """Return the file's mode, for `stat.S_ISREG` and the like; 0 if it cannot be read."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _is_device(path: Path) -> bool:
    mode = _mode(path)
    return mode != 0 and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _temporary(target: Path) -> Path:
    # the name is cut because file systems limit its length
    return target.with_name(f".{target.name[:32]}.{secrets.token_hex(8)}.tmp")


def _create_in(folder: Path) -> None:
    """Create and remove a file in a folder: permissions alone do not show that it is writable."""
    trial = folder / f".{secrets.token_hex(8)}.tmp"
    try:
        trial.open("xb").close()
    finally:
        trial.unlink(missing_ok=True)


def _fill(file: BinaryIO, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content)


def _synchronise_folder(folder: Path) -> None:
    # a rename is durable only once the folder is synchronised; not every system can open a folder
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _raise_unwritable(path: Path, cause: OSError, error: Error) -> NoReturn:
    unchanged = "; the existing file is unchanged" if stat.S_ISREG(_mode(path)) else ""
    raise error(f"{show(path)}: cannot be written ({_reason(cause)}){unchanged}") from None


def read_bytes(path: Path, error: Error, *, limit: int) -> bytes:
    """Return the bytes of a regular file, at most `limit`; memory is allocated for its actual size.

    Raises `error` if the file is missing, longer than the limit, or unreadable.
    """
    size = 0
    try:
        # a pipe or a device would block or never end
        if not stat.S_ISREG(path.stat().st_mode):
            raise error(f"{show(path)}: not a file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise error(f"{show(path)}: larger than the {limit:,} bytes allowed")
            content = file.read(size + 1)
    except FileNotFoundError:
        raise error(f"{show(path)}: no such file") from None
    except (OSError, ValueError) as cause:
        raise error(f"{show(path)}: cannot be read ({_reason(cause)})") from None
    except MemoryError:
        raise error(f"{show(path)}: its {size:,} bytes do not fit in memory") from None
    if len(content) != size:
        raise error(f"{show(path)}: changed while it was read; try again when it is complete")
    return content


def read_json(path: Path, error: Error, *, limit: int = JSON_LIMIT) -> Any:
    """Parse a JSON file in UTF-8, with or without a byte order mark. Raises `error`."""
    return _read(path, "JSON", json.loads, error, limit)


def read_toml(path: Path, error: Error, *, limit: int = TOML_LIMIT) -> dict[str, Any]:
    """Parse a TOML file in UTF-8, with or without a byte order mark. Raises `error`."""
    return _read(path, "TOML", tomllib.loads, error, limit)


def decode_json(text: str) -> Any:
    """Parse a JSON text.

    Raises `json.JSONDecodeError` if it is invalid, and a plain one-line `ValueError` if it exceeds
    the limits of `check_plain`.
    """
    return _decode(json.loads, text)


def check_plain(value: Any) -> Any:
    """Return `value`, made of dicts, lists and scalars, if other code can safely process it.

    Raises `ValueError` if it is nested too deeply, or holds an integer with too many digits or text
    that is not valid Unicode.
    """
    level, depth = [value], 0
    while level:
        next_level: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                next_level += item
                next_level += item.values()
            elif isinstance(item, list):
                next_level += item
            elif isinstance(item, str):
                if not item.isascii() and any("\ud800" <= c <= "\udfff" for c in item):
                    raise ValueError("it holds invalid Unicode (a lone surrogate)")
            elif isinstance(item, int) and abs(item) >= _LARGEST:
                raise ValueError(_TOO_LONG)
        level, depth = next_level, depth + 1
        if depth > MOST_NESTING + 1:
            raise ValueError(_TOO_DEEP)
    return value


_TOO_DEEP = f"it is nested more than {MOST_NESTING} levels deep"
_TOO_LONG = f"it holds an integer of more than {MOST_DIGITS} digits"


def _decode(loads: Callable[[str], Any], text: str) -> Any:
    try:
        return check_plain(loads(text))
    except (json.JSONDecodeError, tomllib.TOMLDecodeError):
        raise
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as cause:
        # Python's own limit on digits
        raise ValueError(_TOO_LONG if "integer string" in str(cause) else cause) from None


def _read(path: Path, kind: str, loads: Callable[[str], Any], error: Error, limit: int) -> Any:
    content = read_bytes(path, error, limit=limit)
    try:
        return _decode(loads, content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise error(f"{show(path)} is not {kind}: it is not text in UTF-8") from None
    except ValueError as cause:
        raise error(f"{show(path)} cannot be read as {kind}: {_reason(cause)}") from None


def show(value: object) -> str:
    """Return user input for a message: one line of printable characters, cut if it is long."""
    line = printable(str(value)[: _ECHO + 1])
    return line if len(line) <= _ECHO else f"{line[:_ECHO]}…"


def _reason(cause: BaseException) -> str:
    return show(cause.strerror or cause if isinstance(cause, OSError) else cause)

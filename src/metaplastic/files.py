"""Files: the one way in which they are written, and bounded ways to read those others can change.

A writer gives all or nothing. A reader never takes more than its bound, and gives one line of
error whatever the file holds. Errors are of the class that the caller names.
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

from metaplastic.errors import MetaplasticError

JSON_LIMIT = 1 << 28  # bytes
TOML_LIMIT = 1 << 20
MOST_NESTING = 50  # lists and tables inside one another
MOST_DIGITS = 20  # of an integer; 64 bits have fewer
_LARGEST = 10**MOST_DIGITS
_ECHO = 200  # characters of what was given that a message repeats

Content = bytes | Callable[[BinaryIO], object]
Error = type[MetaplasticError]


def write(path: Path, content: Content, error: Error, *, parents: bool = False) -> None:
    """Write all or nothing: to a file beside `path`, synchronised, then renamed over it.

    Whoever reads `path`, at whatever instant the writer dies, finds the old content or the new.
    `content` is the bytes, or a function that writes them to the open file it is given (whose
    `name` is the temporary file's path). With `parents`, missing folders are made. A link is
    followed and stays a link; a device or a pipe is written to directly.

    Raises `error` where the disk refuses. Whatever else goes wrong, an interrupt included, leaves
    the old content, and nothing beside it.
    """
    try:
        if _is_device(path):
            with path.open("wb") as file:
                _fill(file, content)
            return
        target = _target(path, parents=parents)
        beside = _beside(target)
        try:
            with beside.open("xb") as file:  # x: never through a link that someone put there
                _fill(file, content)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                with suppress(OSError):
                    shutil.copymode(target, beside)
            beside.replace(target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
        _synchronise_folder(target.parent)
    except OSError as problem:
        _refuse(path, problem, error)


def check_writable(path: Path, error: Error, *, parents: bool = False) -> None:
    """Raises what `write` would, before hours of work: `error` where the folder is missing, or
    where it or the file may not be written. Only a full disk is noticed later."""
    try:
        if not _is_device(path):
            _try(_target(path, parents=parents).parent)
    except OSError as problem:
        _refuse(path, problem, error)


def make_folder(path: Path, error: Error) -> None:
    """Make a folder, and those above it, where it is missing. Raises `error` where that cannot be
    done, or no file can be written in it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        _try(path)
    except FileExistsError:
        what = "a link that leads nowhere" if path.is_symlink() else "a file, not a folder"
        raise error(f"cannot write into {show(path)}: it is {what}") from None
    except (OSError, ValueError) as problem:
        raise error(f"cannot write into {show(path)}: {_reason(problem)}") from None


def _target(path: Path, *, parents: bool) -> Path:
    """Where `path` leads, if a file may be written there; OSError if not."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(0, "it is a folder; name a file")
        if parents:
            with suppress(FileExistsError):  # a file, or a link that leads nowhere: see below
                path.parent.mkdir(parents=True, exist_ok=True)
    except ValueError as problem:  # a NUL, or half of a character
        raise OSError(0, str(problem)) from None
    if not target.parent.is_dir():
        raise FileNotFoundError(0, f"there is no folder {show(target.parent)}")
    # a rename would replace a file that its owner protects
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(0, "it is read-only")
    return target


def _mode(path: Path) -> int:
    """What kind of file it is, for `stat.S_ISREG` and its like; 0 where that cannot be known."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _is_device(path: Path) -> bool:
    mode = _mode(path)
    return mode != 0 and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _beside(target: Path) -> Path:
    # cut, since a name with an addition may be longer than a file system takes
    return target.with_name(f".{target.name[:32]}.{secrets.token_hex(8)}.tmp")


def _try(folder: Path) -> None:
    """Permissions alone do not say whether a folder can be written; a file in it does."""
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
    # a rename is durable only once the folder is; not every system lets a folder be opened
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refuse(path: Path, problem: OSError, error: Error) -> NoReturn:
    whole = "; what was there before is whole" if stat.S_ISREG(_mode(path)) else ""
    raise error(f"{show(path)}: cannot be written ({_reason(problem)}){whole}") from None


def read_bytes(path: Path, error: Error, *, limit: int) -> bytes:
    """The bytes of a regular file, at most `limit` of them; memory is allocated for its size.

    Raises `error` where there is no such file, or it is longer or cannot be read.
    """
    size = 0
    try:
        # a pipe or a device would block or never end
        if not stat.S_ISREG(path.stat().st_mode):
            raise error(f"{show(path)}: not a file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise error(f"{show(path)}: larger than the {limit:,} bytes such a file may have")
            content = file.read(size + 1)
    except FileNotFoundError:
        raise error(f"{show(path)}: no such file") from None
    except (OSError, ValueError) as problem:
        raise error(f"{show(path)}: cannot be read ({_reason(problem)})") from None
    except MemoryError:
        raise error(f"{show(path)}: its {size:,} bytes do not fit in memory") from None
    if len(content) != size:
        raise error(f"{show(path)}: changed while it was read; try again once it is written")
    return content


def read_json(path: Path, error: Error, *, limit: int = JSON_LIMIT) -> Any:
    """What a JSON file in UTF-8, with or without a byte order mark, holds. Raises `error`."""
    return _read(path, "JSON", json.loads, error, limit)


def read_toml(path: Path, error: Error, *, limit: int = TOML_LIMIT) -> dict[str, Any]:
    """What a TOML file in UTF-8, with or without a byte order mark, holds. Raises `error`."""
    return _read(path, "TOML", tomllib.loads, error, limit)


def decode_json(text: str) -> Any:
    """What a JSON text holds.

    Raises `json.JSONDecodeError` where it is none, a plain `ValueError`, in one line, where it
    goes past what is read here: see `check_plain`.
    """
    return _decode(json.loads, text)


def check_plain(value: Any) -> Any:
    """`value`, of dicts, lists and scalars, where it is such as any other code can work with.

    Raises `ValueError` where it is nested too deeply, or holds an integer of too many digits or
    text that is no Unicode.
    """
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str):
                if not item.isascii() and any("\ud800" <= c <= "\udfff" for c in item):
                    raise ValueError("it holds half of a character (a lone surrogate)")
            elif isinstance(item, int) and abs(item) >= _LARGEST:
                raise ValueError(_TOO_LONG)
        level, depth = below, depth + 1
        if depth > MOST_NESTING + 1:
            raise ValueError(_TOO_DEEP)
    return value


_TOO_DEEP = f"it is nested more than {MOST_NESTING} deep"
_TOO_LONG = f"it holds an integer of more than {MOST_DIGITS} digits"


def _decode(loads: Callable[[str], Any], text: str) -> Any:
    try:
        return check_plain(loads(text))
    except (json.JSONDecodeError, tomllib.TOMLDecodeError):
        raise
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as problem:
        # Python's own bound on digits
        raise ValueError(_TOO_LONG if "integer string" in str(problem) else problem) from None


def _read(path: Path, kind: str, loads: Callable[[str], Any], error: Error, limit: int) -> Any:
    content = read_bytes(path, error, limit=limit)
    try:
        return _decode(loads, content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise error(f"{show(path)} is not {kind}: it is not text in UTF-8") from None
    except ValueError as problem:
        raise error(f"{show(path)} cannot be read as {kind}: {_reason(problem)}") from None


def show(given: object) -> str:
    """What was given, for a message: one line of printable characters, cut where it is long."""
    text = str(given)[: _ECHO + 1]
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return line if len(line) <= _ECHO else f"{line[:_ECHO]}…"


def _reason(problem: BaseException) -> str:
    return show(problem.strerror or problem if isinstance(problem, OSError) else problem)

"""Files under a directory or in an archive, seen alike: sorted names, bytes on demand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from metaplastic.data.cache import hash_file
from metaplastic.data.parsers.archive import LIMITS, Limits, is_archive, member_names, read_members
from metaplastic.errors import DataError

_MAX_FILE = 1 << 30


@dataclass(frozen=True)
class Tree:
    """fingerprint: changes when the files do.

    A directory's fingerprint is of names, sizes and times of change; an archive's of its content.
    """

    path: Path
    fingerprint: str
    listed: tuple[str, ...] | None = None
    limits: Limits = LIMITS

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Relative paths with "/", sorted. An archive is read through for them once."""
        if self.listed is not None:
            return self.listed
        return tuple(n for n in member_names(self.path, self.limits) if not _hidden(n))

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """(name, bytes) of the wanted files; the order is not promised."""
        if self.listed is None:
            yield from read_members(self.path, wanted, self.limits)
            return
        for name in self.listed:
            if name in wanted:
                yield name, read_file(self.path / name)


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises DataError where it cannot be read or is larger than 1 GiB."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) > _MAX_FILE:
        raise DataError(f"{path}: larger than {_MAX_FILE} bytes, more than any file expected")
    return data


def open_tree(path: Path) -> Tree:
    """The files of a directory or archive. Raises DataError where there is neither.

    Hidden files, and what macOS adds to archives, are left out.
    """
    if path.is_dir():
        return _open_directory(path)
    if not path.exists():
        raise DataError(f"{path} is not there; give an existing directory, zip or tar file")
    if not is_archive(path):
        raise DataError(f"{path}: neither a directory nor a zip or tar archive")
    return Tree(path, hash_file(path))


def _hidden(name: str) -> bool:
    return any(
        (part.startswith(".") and part != ".") or part == "__MACOSX" for part in name.split("/")
    )


def _open_directory(path: Path) -> Tree:
    digest = hashlib.sha256()
    names: list[str] = []
    visited: set[tuple[int, int]] = set()
    stack = [(path, "")]
    try:
        while stack:
            folder, prefix = stack.pop()
            info = folder.stat()
            # Links between directories may form a circle.
            if (info.st_dev, info.st_ino) in visited:
                continue
            visited.add((info.st_dev, info.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "__MACOSX":
                        continue
                    if entry.is_dir():
                        stack.append((Path(entry.path), f"{prefix}{entry.name}/"))
                    elif entry.is_file():
                        status = entry.stat()
                        names.append(
                            f"{prefix}{entry.name}\0{status.st_size}\0{status.st_mtime_ns}"
                        )
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    names.sort()
    for name in names:
        digest.update(os.fsencode(name) + b"\n")
    return Tree(path, digest.hexdigest(), tuple(name.split("\0")[0] for name in names))

"""A common view of files in a directory or an archive: sorted names, bytes on demand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from metaplastic.data.cache import hash_file
from metaplastic.data.parsers.archive import LIMITS, Limits, is_archive, member_names, read_members
from metaplastic.data.parsers.system_names import is_left_out, is_users
from metaplastic.errors import DataError
from metaplastic.files import read_bytes


@dataclass(frozen=True)
class Tree:
    """The files of a directory or an archive.

    fingerprint: changes when the files do. For a directory it covers names, sizes and modification
    times; for an archive its content. empty: empty folders of a directory. broken: its entries that
    are neither file nor folder, such as broken links. hidden_listed: its hidden entries.
    """

    path: Path
    fingerprint: str
    listed: tuple[str, ...] | None = None
    limits: Limits = LIMITS
    empty: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    hidden_listed: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Relative paths with "/", sorted. For an archive, this reads it through once."""
        if self.listed is not None:
            return self.listed
        return tuple(n for n in self._members if not any(map(is_left_out, n.split("/"))))

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """Relative paths, sorted, of the user's entries that are left out since their names begin
        with "."; those of folders end in "/", and what is in them is not listed."""
        if self.listed is not None:
            return self.hidden_listed
        found = {_hidden_part(name) for name in self._members}
        return tuple(sorted(found - {""}))

    @cached_property
    def _members(self) -> list[str]:
        return member_names(self.path, self.limits)

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (name, bytes) of the wanted files, in no particular order."""
        if self.listed is None:
            yield from read_members(self.path, wanted, self.limits)
            return
        for name in self.listed:
            if name in wanted:
                yield name, read_bytes(self.path / name, DataError, limit=self.limits.member)


def open_tree(path: Path, limits: Limits = LIMITS) -> Tree:
    """Open a directory or archive. Raises DataError if the path is neither.

    limits: the maximum sizes of a file and of an archive as a whole. Hidden files, and files that
    systems add to the user's, are left out.
    """
    if path.is_dir():
        return _open_directory(path, limits)
    if not path.exists():
        raise DataError(f"{path} does not exist; give an existing directory, zip or tar file")
    if not is_archive(path):
        raise DataError(f"{path}: neither a directory nor a zip or tar archive")
    return Tree(path, hash_file(path), None, limits)


def _hidden_part(member: str) -> str:
    """Return a member's path up to the first part that is left out, or "" if that is none of the
    user's."""
    parts = member.split("/")
    for depth, part in enumerate(parts, 1):
        if is_left_out(part):
            folder = "/" * (depth < len(parts))
            return "/".join(parts[:depth]) + folder if is_users(part) else ""
    return ""


@dataclass(frozen=True)
class _Folder:
    path: Path
    prefix: str
    above: frozenset[tuple[int, int]]  # device and inode of the parent folders


def _open_directory(path: Path, limits: Limits) -> Tree:
    files: list[str] = []
    empty: list[str] = []
    broken: list[str] = []
    hidden: list[str] = []
    stack = [_Folder(path, "", frozenset())]
    seen = 0
    try:
        while stack:
            folder = stack.pop()
            info = folder.path.stat()
            # Links between directories may form a cycle.
            if (info.st_dev, info.st_ino) in folder.above:
                continue
            above = folder.above | {(info.st_dev, info.st_ino)}
            before = seen
            with os.scandir(folder.path) as entries:
                for entry in entries:
                    name = f"{folder.prefix}{entry.name}"
                    if is_left_out(entry.name):
                        if is_users(entry.name):
                            hidden.append(name + "/" * entry.is_dir())
                        continue
                    seen += 1
                    if entry.is_dir():
                        stack.append(_Folder(Path(entry.path), f"{name}/", above))
                    elif entry.is_file():
                        status = entry.stat()
                        files.append(f"{name}\0{status.st_size}\0{status.st_mtime_ns}")
                    else:
                        broken.append(name)
            if seen == before and folder.prefix:
                empty.append(folder.prefix.removesuffix("/"))
            if seen > limits.count:
                raise DataError(f"{path}: holds more than {limits.count:,} files and folders")
    except OSError as error:
        which = error.filename or path
        raise DataError(f"{which}: cannot be read ({error.strerror or error})") from error
    for names in (files, empty, broken, hidden):
        names.sort()
    digest = hashlib.sha256()
    for kind, names in (("", files), ("empty ", empty), ("broken ", broken), ("hidden ", hidden)):
        for name in names:
            digest.update(os.fsencode(f"{kind}{name}") + b"\n")
    listed = tuple(name.split("\0")[0] for name in files)
    return Tree(
        path, digest.hexdigest(), listed, limits, tuple(empty), tuple(broken), tuple(hidden)
    )

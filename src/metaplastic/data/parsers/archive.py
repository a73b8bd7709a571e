"""Read the members of zip and tar archives, without unpacking anything to disk.

An archive is refused as a whole if it has absolute names, names with "..", links, devices or
encrypted members, or expands beyond the limits. The limits apply to the bytes actually read, not to
the sizes that the archive declares.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import IO, Any, Self, cast

from metaplastic.data.locate import cache_dir
from metaplastic.errors import DataError


@dataclass(frozen=True)
class Limits:
    """Limits of an archive: bytes of one member, bytes of all members, number of members."""

    member: int = 1 << 30
    total: int = 1 << 36
    count: int = 5_000_000
    ratio: int = 100  # unpacked over packed size, checked from 64 MiB on


LIMITS = Limits()
_RATIO_FROM = 1 << 26
_LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MAX_HEADER = 1 << 20
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    EOFError,
    struct.error,
    UnicodeError,
    ValueError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,  # an encrypted member; also RecursionError
    OSError,
)


def is_archive(path: Path) -> bool:
    """Return whether a file starts like a zip, gzip, bzip2, xz or tar file."""
    return _kind(path) is not None


def _kind(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(265)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    for magic, kind in ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "xz")):
        if head.startswith(magic):
            return kind
    return "tar" if head[257:262] == b"ustar" else None


def check_name(name: str, where: Path) -> str:
    """Return a member's name. Raises DataError if it would be outside the archive's own folder."""
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name):
        raise DataError(f"{where}: refused, its member {name!r} has an absolute path")
    if ".." in parts:
        raise DataError(f"{where}: refused, its member {name!r} leads out of the archive by '..'")
    if "\0" in name:
        raise DataError(f"{where}: refused, its member {name!r} has a zero byte in its name")
    return name


def member_names(path: Path, limits: Limits = LIMITS) -> list[str]:
    """Return the sorted names of all files in an archive. Raises DataError if it is unsafe."""
    with _opened(path, limits) as archive:
        names = [name for name, _ in archive]
    if len(set(names)) != len(names):
        raise DataError(f"{path}: refused, it holds two members of the same name")
    return sorted(names)


def read_members(
    path: Path,
    wanted: Collection[str] | None = None,
    limits: Limits = LIMITS,
    data: bytes | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the wanted files, or of all, in the order of the archive.

    data: the archive's bytes if it is inside another archive; `path` is then only its name.
    """
    with _opened(path, limits, data) as archive:
        for name, read in archive:
            if wanted is None or name in wanted:
                yield name, read()


_Member = tuple[str, Callable[[], bytes]]


@contextmanager
def _opened(path: Path, limits: Limits, data: bytes | None = None) -> Iterator[Iterator[_Member]]:
    kind = _kind(path) if data is None else ("zip" if data[:2] == b"PK" else None)
    if kind is None:
        raise DataError(f"{path}: neither a zip nor a tar archive; the file may be damaged")
    try:
        with ExitStack() as stack:
            file = path if data is None else BytesIO(data)
            zipped = kind == "zip"
            yield _zip(path, file, limits, stack) if zipped else _tar(path, kind, limits, stack)
    except NotImplementedError as error:  # from zipfile, about an intact file
        raise DataError(
            f"{path}: a zip archive of a kind that cannot be read ({error}); repack it with Deflate"
        ) from error
    except _BROKEN as error:
        detail = str(error) or type(error).__name__
        raise DataError(
            f"{path}: the archive is truncated or corrupt ({detail}); {_advice(path)}"
        ) from error


def _advice(path: Path) -> str:
    """Say what to do about a damaged archive; the user's own is not to be deleted."""
    downloads = (cache_dir() / "data").absolute()
    if path.absolute().is_relative_to(downloads):
        return "delete it and fetch it again"
    return "replace it with an intact copy"


def _zip(path: Path, file: Path | BytesIO, limits: Limits, stack: ExitStack) -> Iterator[_Member]:
    archive = stack.enter_context(zipfile.ZipFile(file))
    packed = file.stat().st_size if isinstance(file, Path) else len(file.getbuffer())
    members = archive.infolist()
    if len(members) > limits.count:
        raise DataError(f"{path}: refused, it holds more than {limits.count} members")
    total = 0
    for member in members:
        check_name(member.filename, path)
        mode = member.external_attr >> 16
        if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
            raise DataError(f"{path}: refused, its member {member.filename!r} is a link or device")
        if member.flag_bits & 1:
            raise DataError(f"{path}: refused, its member {member.filename!r} is encrypted")
        total += member.file_size
        _check_size(path, member.filename, member.file_size, total, limits)
    if total > _RATIO_FROM and total > limits.ratio * packed:
        raise DataError(f"{path}: refused, it would expand to {total} bytes: a size bomb")
    for member in members:
        if not member.is_dir():
            yield member.filename, _zip_reader(archive, member, path)


def _zip_reader(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path
) -> Callable[[], bytes]:
    def read() -> bytes:
        with archive.open(member) as file:
            data = file.read(member.file_size + 1)
        if len(data) != member.file_size:
            raise DataError(
                f"{path}: member {member.filename!r} holds {len(data)} bytes, but "
                f"{member.file_size} are declared; the archive is corrupt"
            )
        return data

    return read


def _check_size(path: Path, name: str, size: int, total: int, limits: Limits) -> None:
    if size > limits.member or size < 0:
        hint = "; save the array as .npy, which has no such limit" if name.endswith(".npy") else ""
        raise DataError(
            f"{path}: refused, its member {name!r} is declared as {size} bytes; at most "
            f"{limits.member} are read from an archive{hint}"
        )
    if total > limits.total:
        raise DataError(f"{path}: refused, it expands to more than {limits.total} bytes")


class _Metered(RawIOBase):
    """A stream that stops at the limits, whatever sizes the archive declares."""

    def __init__(self, file: IO[bytes], path: Path, limits: Limits) -> None:
        self._file, self._path, self._limits = file, path, limits
        self._packed = path.stat().st_size
        self._total = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._limits.member + (1 << 20):
            raise DataError(
                f"{self._path}: refused, a member is declared as {size} bytes; at most "
                f"{self._limits.member} are read from an archive"
            )
        data = self._file.read(size)
        self._total += len(data)
        bomb = self._total > _RATIO_FROM and self._total > self._limits.ratio * self._packed
        if bomb or self._total > self._limits.total:
            raise DataError(
                f"{self._path}: refused, it expands to more than {self._total} bytes: a size bomb"
            )
        return data


class _StrictInfo(tarfile.TarInfo):
    """A header that must be intact: the standard library stops silently at a damaged one."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # two blocks of zeros: the regular end
                raise
            raise tarfile.ReadError(str(error)) from error
        # Extended headers are read completely, before the limits on members apply.
        if info.type in _LONG_HEADERS and info.size > _MAX_HEADER:
            raise tarfile.ReadError(f"a header of {info.size} bytes")
        return info


def _tar(path: Path, kind: str, limits: Limits, stack: ExitStack) -> Iterator[_Member]:
    openers: dict[str, Callable[[Path], Any]] = {
        "gz": gzip.open,
        "bz2": bz2.open,
        "xz": lzma.open,
        "tar": lambda path: path.open("rb"),
    }
    raw = stack.enter_context(closing(openers[kind](path)))
    metered = cast(IO[bytes], _Metered(raw, path, limits))
    archive = tarfile.open(fileobj=metered, mode="r|", tarinfo=_StrictInfo)  # noqa: SIM115
    stack.enter_context(archive)
    total = 0
    for count, member in enumerate(archive):
        check_name(member.name, path)
        total += max(0, member.size)
        if count >= limits.count:
            raise DataError(f"{path}: refused, it holds more than {limits.count} members")
        if not (member.isfile() or member.isdir()):
            raise DataError(f"{path}: refused, its member {member.name!r} is a link or device")
        _check_size(path, member.name, member.size, total, limits)
        # The list of members read so far is not needed and would grow.
        archive.members = []  # pyright: ignore[reportAttributeAccessIssue]
        if member.isfile():
            yield member.name, _tar_reader(archive, member, path)
    while metered.read(1 << 16):  # the stream's checksum is verified only at its end
        pass


def _tar_reader(
    archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path
) -> Callable[[], bytes]:
    def read() -> bytes:
        file = archive.extractfile(member)
        data = b"" if file is None else file.read()
        if len(data) != member.size:
            raise DataError(
                f"{path}: truncated, member {member.name!r} holds {len(data)} of {member.size} "
                f"bytes; {_advice(path)}"
            )
        return data

    return read

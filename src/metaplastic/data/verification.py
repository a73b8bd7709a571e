"""Compare a data set's files with the published checksums."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from metaplastic.data.cache import hash_file
from metaplastic.data.locate import search_roots
from metaplastic.data.source import Request, Source

Verdict = Literal["as published", "differs", "no published checksum"]


@dataclass(frozen=True)
class Checked:
    """A file, its SHA-256 and whether it is the published one."""

    path: Path
    sha256: str
    verdict: Verdict


def verify_files(source: Source, data_dir: Path | str | None = None) -> list[Checked]:
    """Compare each file that `load` would read with the published checksum.

    A directory, or a file whose name is not a published one, has no checksum to compare with.
    Raises DataError if files are missing.
    """
    if source.find is None:
        return []
    published = {remote.name: remote.checksum for remote in source.files}
    checked: list[Checked] = []
    for path in source.find(Request(search_roots(data_dir))):
        if path.is_dir():
            checked.append(Checked(path, "", "no published checksum"))
            continue
        digest = hash_file(path)
        checksum = published.get(path.name)
        if checksum is None:
            checked.append(Checked(path, digest, "no published checksum"))
            continue
        algorithm, _, expected = checksum.partition(":")
        actual = digest if algorithm == "sha256" else hash_file(path, algorithm)
        checked.append(Checked(path, digest, "as published" if actual == expected else "differs"))
    return checked

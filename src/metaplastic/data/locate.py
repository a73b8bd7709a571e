"""The directories searched for data: `--data-dir`, METAPLASTIC_DATA, the cache directory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from metaplastic.errors import DataError


def user_path(given: Path | str) -> Path:
    """Return a path given by the user, with a leading "~" or "~name" expanded.

    A file that exists under the literal name, such as "~0", takes precedence. Raises DataError if
    there is no such user, or no home directory.
    """
    path = Path(given)
    if not str(given).startswith("~") or path.exists():
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise DataError(
            f"{given}: there is no home directory for {path.parts[0]!r}; give the full path, "
            f"or ./{given} for a file in this directory"
        ) from error


def cache_dir() -> Path:
    """Return the directory for downloads and parsed arrays (METAPLASTIC_CACHE overrides it)."""
    given = os.environ.get("METAPLASTIC_CACHE")
    if given:
        return user_path(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("metaplastic", appauthor=False))


def search_roots(data_dir: Path | str | None) -> tuple[Path, ...]:
    """Return the directories to search, in order. Raises DataError if a given one is missing."""
    roots: list[Path] = []
    for source, value in (("--data-dir", data_dir), *_environment()):
        if value is None:
            continue
        path = user_path(value)
        if not path.is_dir():
            raise DataError(
                f"data directory {str(path)!r} (from {source}) does not exist; "
                "give an existing directory"
            )
        roots.append(path)
    roots.append(cache_dir() / "data")
    return tuple(dict.fromkeys(roots))


def _environment() -> Iterable[tuple[str, str | None]]:
    return (("METAPLASTIC_DATA", os.environ.get("METAPLASTIC_DATA") or None),)


def candidate_dirs(roots: Sequence[Path], folders: Sequence[str]) -> list[Path]:
    """Return the directories that may hold a data set's files: each root and its sub-folders."""
    candidates = [root / name for root in roots for name in (*folders, ".")]
    return [path for path in candidates if path.is_dir()]


def find_together(
    name: str,
    roots: Sequence[Path],
    folders: Sequence[str],
    groups: Sequence[Sequence[str]],
) -> list[Path]:
    """Find the first existing name, file or directory, of each group, all in one directory.

    Raises DataError naming what is missing.
    """
    partial: tuple[Path, str] | None = None
    for directory in candidate_dirs(roots, folders):
        hits = [
            next((directory / name for name in names if (directory / name).exists()), None)
            for names in groups
        ]
        paths = [hit for hit in hits if hit is not None]
        if len(paths) == len(groups):
            return paths
        if paths and partial is None:
            missing = next(names for names, hit in zip(groups, hits, strict=True) if hit is None)
            partial = directory, missing[0]
    if partial is not None:
        raise DataError(
            f"{name}: {partial[0]} holds some of its files, but {partial[1]} is missing; "
            f"put it there, or run 'metaplastic data fetch {name}'"
        )
    raise not_found(name, groups[0][0], roots)


def not_found(name: str, wanted: str, roots: Sequence[Path]) -> DataError:
    """Return the error for a data set whose files are in none of the searched directories."""
    where = ", ".join(str(root) for root in roots)
    return DataError(
        f"{name}: {wanted} not found in {where} (nor in a folder {name!r} there); "
        f"run 'metaplastic data fetch {name}', or give the directory with --data-dir or "
        "METAPLASTIC_DATA"
    )

"""Where data sets are looked for: `--data-dir`, METAPLASTIC_DATA, the cache directory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from metaplastic.errors import DataError


def user_path(given: Path | str) -> Path:
    """A path as the user gave it, with a leading "~" or "~name" expanded.

    A file that exists under the very name, such as "~0", takes precedence. Raises DataError where
    there is no such user, or no home directory.
    """
    path = Path(given)
    if not str(given).startswith("~") or path.exists():
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise DataError(
            f"{given}: there is no home directory for {path.parts[0]!r}; give the whole path, "
            f"or ./{given} for a file here"
        ) from error


def cache_dir() -> Path:
    """Where downloads and parsed arrays go by default (METAPLASTIC_CACHE overrides)."""
    given = os.environ.get("METAPLASTIC_CACHE")
    if given:
        return user_path(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("metaplastic", appauthor=False))


def search_roots(data_dir: Path | str | None) -> tuple[Path, ...]:
    """The directories to search, first to last. A directory that was given must be there."""
    roots: list[Path] = []
    for source, value in (("--data-dir", data_dir), *_environment()):
        if value is None:
            continue
        path = user_path(value)
        if not path.is_dir():
            raise DataError(
                f"data directory {str(path)!r} (from {source}) is not there; "
                "give an existing directory"
            )
        roots.append(path)
    roots.append(cache_dir() / "data")
    return tuple(dict.fromkeys(roots))


def _environment() -> Iterable[tuple[str, str | None]]:
    return (("METAPLASTIC_DATA", os.environ.get("METAPLASTIC_DATA") or None),)


def places(roots: Sequence[Path], folders: Sequence[str]) -> list[Path]:
    """The directories that may hold a data set's files: its sub-folders of each root, the root."""
    found = [root / name for root in roots for name in (*folders, ".")]
    return [path for path in found if path.is_dir()]


def find_together(
    name: str,
    roots: Sequence[Path],
    folders: Sequence[str],
    groups: Sequence[Sequence[str]],
) -> list[Path]:
    """Of each group of names the first that is there, file or directory, all in one place.

    Raises DataError naming what is missing.
    """
    partial: tuple[Path, str] | None = None
    for place in places(roots, folders):
        hits = [
            next((place / name for name in names if (place / name).exists()), None)
            for names in groups
        ]
        found = [hit for hit in hits if hit is not None]
        if len(found) == len(groups):
            return found
        if found and partial is None:
            missing = next(names for names, hit in zip(groups, hits, strict=True) if hit is None)
            partial = place, missing[0]
    if partial is not None:
        raise DataError(
            f"{name}: {partial[0]} holds a part of its files, but {partial[1]} is missing; "
            f"put it there, or run 'metaplastic data fetch {name}'"
        )
    raise not_found(name, groups[0][0], roots)


def not_found(name: str, wanted: str, roots: Sequence[Path]) -> DataError:
    """The error for a data set whose files are in none of the places searched."""
    where = ", ".join(str(root) for root in roots)
    return DataError(
        f"{name}: {wanted} not found in {where} (nor in a folder {name!r} there); "
        f"run 'metaplastic data fetch {name}', or give the directory by --data-dir or "
        "METAPLASTIC_DATA"
    )

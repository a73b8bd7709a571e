"""How files lie in folders: CLASS/FILE, or SPLIT/CLASS/…/FILE."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import DataError

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
}


@dataclass(frozen=True)
class Layout:
    """For each split its files, sorted by class and name, and their labels."""

    class_names: tuple[str, ...]
    files: dict[str, list[str]]
    labels: dict[str, NDArray[np.int32]]
    notes: tuple[str, ...] = ()


def read_layout(
    names: Iterable[str], wanted: Callable[[str], bool], where: str, what: str
) -> Layout:
    """Sort out which file belongs to which split and class.

    A folder around everything, as archives often have, is looked through. A validation split
    serves as test split where there is no other. Raises DataError where there is nothing.
    """
    rows = [(tuple(name.split("/")), name) for name in names if wanted(name)]
    loose = [name for parts, name in rows if len(parts) < 2]
    rows = [(parts, name) for parts, name in rows if len(parts) >= 2]
    if not rows:
        found = f"{len(loose)} {what} but no folders" if loose else f"no {what}"
        raise DataError(f"{where}: {found}; expected a folder per class with {what} in it")
    rows = _unwrap(rows)
    tops = {parts[0].lower() for parts, _ in rows}
    entries: list[tuple[str, str, str]] = []
    if tops <= SPLIT_NAMES.keys():
        for parts, name in rows:
            if len(parts) < 3:
                raise DataError(f"{where}: {name} lies in a split but in no class's folder")
            entries.append((SPLIT_NAMES[parts[0].lower()], parts[1], name))
    else:
        entries = [("train", parts[0], name) for parts, name in rows]
    notes = (f"{len(loose)} {what} outside of any class's folder left out",) if loose else ()
    return _arrange(entries, notes, where)


def _unwrap(rows: list[tuple[tuple[str, ...], str]]) -> list[tuple[tuple[str, ...], str]]:
    while True:
        tops = {parts[0] for parts, _ in rows}
        deep = min(len(parts) for parts, _ in rows) >= 3
        if len(tops) != 1 or not deep or next(iter(tops)).lower() in SPLIT_NAMES:
            return rows
        rows = [(parts[1:], name) for parts, name in rows]


def _arrange(entries: list[tuple[str, str, str]], notes: tuple[str, ...], where: str) -> Layout:
    present = {split for split, _, _ in entries}
    if "train" not in present:
        raise DataError(f"{where}: has {', '.join(sorted(present))} but no folder 'train'")
    if "test" not in present and "validation" in present:
        entries = [("test" if s == "validation" else s, c, n) for s, c, n in entries]
        notes = (*notes, "the validation split serves as test split")
    classes = tuple(sorted({label for _, label, _ in entries}))
    index = {name: i for i, name in enumerate(classes)}
    files: dict[str, list[str]] = {}
    labels: dict[str, NDArray[np.int32]] = {}
    for split in ("train", "test", "validation"):
        rows = sorted((index[label], name) for s, label, name in entries if s == split)
        if rows:
            files[split] = [name for _, name in rows]
            labels[split] = np.array([label for label, _ in rows], np.int32)
    return Layout(classes, files, labels, notes)

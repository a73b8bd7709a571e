"""The layout of files in folders: CLASS/FILE, or SPLIT/CLASS/…/FILE."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.left_out import describe_left_out, list_names, one_line
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
VALIDATION_AS_TEST = "the validation split serves as test split"


@dataclass(frozen=True)
class Layout:
    """The files of each split, sorted by class and name, and their labels."""

    class_names: tuple[str, ...]
    files: dict[str, list[str]]
    labels: dict[str, NDArray[np.int32]]
    notes: tuple[str, ...] = ()


def read_layout(
    names: Iterable[str],
    wanted: Callable[[str], bool],
    where: str,
    kind: str,
    empty: Iterable[str] = (),
    broken: Collection[str] = (),
    hidden: Iterable[str] = (),
) -> Layout:
    """Assign each file to a split and a class.

    A single folder around everything, as archives often have, is ignored. A validation split
    serves as the test split if there is no other. Notes report the files and folders that are left
    out, including those in `empty`, `broken` and `hidden`. Raises DataError if no file is left.
    """
    names = list(names)
    chosen = [name for name in names if wanted(name)]
    others = set(names).difference(chosen)
    notes = [
        *describe_left_out(others, f"not {kind}"),
        *describe_left_out(broken, "neither a file nor a folder, such as a broken link"),
        *_hidden_left_out(hidden, wanted),
    ]
    rows = [(tuple(name.split("/")), name) for name in chosen]
    loose = [name for parts, name in rows if len(parts) < 2]
    rows = [(parts, name) for parts, name in rows if len(parts) >= 2]
    if not rows:
        problem = f"{len(loose)} {kind} but no folders" if loose else f"no {kind}"
        note = f" ({notes[0]})" if notes else ""
        raise DataError(f"{where}: {problem}; expected a folder per class with {kind} in it{note}")
    notes += describe_left_out(loose, "in no class folder")
    rows = _unwrap(rows)
    splits = {parts[0] for parts, _ in rows if parts[0].lower() in SPLIT_NAMES}
    entries: list[tuple[str, str, str]] = []
    if _are_splits(splits, {parts[0] for parts, _ in rows}):
        outside = [name for parts, name in rows if parts[0] not in splits]
        notes += describe_left_out(outside, f"in none of the splits {', '.join(sorted(splits))}")
        for parts, name in rows:
            if parts[0] not in splits:
                continue
            if len(parts) < 3:
                raise DataError(f"{where}: {name} is in a split but in no class folder")
            entries.append((SPLIT_NAMES[parts[0].lower()], parts[1], name))
    else:
        entries = [("train", parts[0], name) for parts, name in rows]
    notes += _folders_left_out({name for _, _, name in entries}, others, empty, kind)
    return _arrange(entries, tuple(notes), where)


def _are_splits(splits: set[str], tops: set[str]) -> bool:
    """Return whether folders named like splits are splits.

    They are if all folders have such names, or if train and another split are among them. A single
    folder "train" among others can be a class of vehicles.
    """
    if splits == tops:
        return True
    kinds = {SPLIT_NAMES[name.lower()] for name in splits}
    return "train" in kinds and len(kinds) > 1


def _folders_left_out(
    read: Iterable[str], others: Iterable[str], empty: Iterable[str], kind: str
) -> list[str]:
    """Return a note on the folders that are empty or hold no file that is read."""
    full = {folder for name in read for folder in _folders_above(name)}
    folders = {folder for name in others for folder in _folders_above(name)} | set(empty)
    bare = {name for name in folders if name not in full}
    # Of nested folders, only the outermost is named.
    bare = {name for name in bare if not any(above in bare for above in _folders_above(name))}
    if not bare:
        return []
    count = f"{len(bare):,} folder{'s' * (len(bare) != 1)}"
    return [one_line(f"{count} left out, no {kind} in them: {list_names(bare)}")]


def _hidden_left_out(hidden: Iterable[str], wanted: Callable[[str], bool]) -> list[str]:
    """Return a note on hidden folders, which end in "/", and on hidden files of the wanted kind."""
    names = [name for name in hidden if name.endswith("/") or wanted(name)]
    folders = sum(name.endswith("/") for name in names)
    counts = [
        f"{count:,} {kind}{'s' * (count != 1)}"
        for kind, count in (("folder", folders), ("file", len(names) - folders))
        if count
    ]
    if not counts:
        return []
    shown = list_names(name.removesuffix("/") for name in names)
    return [one_line(f"{' and '.join(counts)} left out, hidden by a leading '.': {shown}")]


def _folders_above(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


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
        notes = (*notes, VALIDATION_AS_TEST)
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

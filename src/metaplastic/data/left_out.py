"""Notes on the files and folders that were not read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

_KINDS = 6
_NAMES = 5


def describe_left_out(names: Collection[str], reason: str) -> tuple[str, ...]:
    """Return a note that counts files by suffix, with an example of each; nothing for no files.

    reason: why they are left out, for example "not images".
    """
    if not names:
        return ()
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in names:
        stem, _, suffix = name.rsplit("/", 1)[-1].rpartition(".")
        kinds[f".{suffix}" if stem else "no suffix"].append(name)
    order = sorted(kinds, key=lambda kind: (-len(kinds[kind]), kind))
    parts = [_kind(kind, kinds[kind]) for kind in order[:_KINDS]]
    if len(order) > _KINDS:
        remaining = sum(len(kinds[kind]) for kind in order[_KINDS:])
        parts.append(f"{remaining:,} of {len(order) - _KINDS} other kinds")
    files = f"{len(names):,} file{'s' * (len(names) != 1)}"
    return (one_line(f"{files} left out, {reason}: {'; '.join(parts)}"),)


def _kind(kind: str, names: Sequence[str]) -> str:
    folders = {name.rpartition("/")[0] for name in names}
    where = f" in {len(folders)} folders" if len(folders) > 1 else ""
    return f"{len(names):,} {kind}{where} ({min(names)})"


def list_names(names: Iterable[str]) -> str:
    """List at most five names, and how many more there are."""
    ordered = sorted(names)
    remaining = len(ordered) - _NAMES
    suffix = f" and {remaining:,} more" if remaining > 0 else ""
    return ", ".join(ordered[:_NAMES]) + suffix


def one_line(text: str) -> str:
    """Put a note on one line, as names of files may contain line breaks."""
    return " ".join(text.splitlines())

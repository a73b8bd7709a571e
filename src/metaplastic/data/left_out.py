"""What notes say of the files and folders that were not read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

_KINDS = 6
_NAMES = 5


def describe_left_out(names: Collection[str], what: str) -> tuple[str, ...]:
    """A note that counts files by suffix and gives an example of each; none where there are none.

    what: why they are left out, as in "not images".
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
        rest = sum(len(kinds[kind]) for kind in order[_KINDS:])
        parts.append(f"{rest:,} of {len(order) - _KINDS} other kinds")
    files = f"{len(names):,} file{'s' * (len(names) != 1)}"
    return (one_line(f"{files} left out, {what}: {'; '.join(parts)}"),)


def _kind(kind: str, names: Sequence[str]) -> str:
    folders = {name.rpartition("/")[0] for name in names}
    where = f" in {len(folders)} folders" if len(folders) > 1 else ""
    return f"{len(names):,} {kind}{where} ({min(names)})"


def list_names(names: Iterable[str]) -> str:
    """At most five names, and how many more there are."""
    ordered = sorted(names)
    more = len(ordered) - _NAMES
    return ", ".join(ordered[:_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def one_line(text: str) -> str:
    """Names of files may hold line breaks; a note is one line."""
    return " ".join(text.splitlines())

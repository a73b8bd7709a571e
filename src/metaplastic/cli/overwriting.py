"""Refuse outputs that would overwrite what a command reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from metaplastic.errors import DataError


def names_file(path: Path) -> Path:
    """Return the file with the names of the rows of a .npy file, one per line."""
    return path.with_suffix(".names.txt")


def check_not_inputs(
    outputs: Iterable[Path | None],
    data: str | None = None,
    others: Iterable[str | Path | None] = (),
) -> None:
    """Raise `DataError` if a file to be written is one of those to be read.

    data: a path or the address of a data set. others: further inputs, such as a rule or a model.
    Values of None are skipped. A .npy output also writes the names of the rows.
    """
    inputs = [Path(other) for other in others if other is not None]
    inputs += [] if data is None else _files_of(data)
    for output in outputs:
        if output is None:
            continue
        written = [output]
        if output.suffix.lower() == ".npy":
            written.append(names_file(output))
        for file in written:
            if any(_would_overwrite(file, source) for source in inputs):
                raise DataError(f"{file}: is an input file; give another file to write to")


def _files_of(data: str) -> list[Path]:
    """Return the paths that a data set is read from."""
    from metaplastic.data.address import parse_address
    from metaplastic.data.locate import user_path
    from metaplastic.data.rows import existing_path

    path = existing_path(data)
    if path is not None:
        return [path]
    address = parse_address(data)
    return [user_path(part) for part in (address.rest, address.options.get("test")) if part]


def _would_overwrite(output: Path, source: Path) -> bool:
    from metaplastic.data.parsers.image_formats import is_image
    from metaplastic.data.sources.text import is_text

    try:
        if not output.exists() or not source.exists():
            return False
        if not source.is_dir():
            return output.samefile(source)
        inside = output.resolve().relative_to(source.resolve())
    except (OSError, ValueError):  # not a path, such as hf://owner/name; or not inside
        return False
    # files beside the class folders are not read
    return len(inside.parts) > 1 and (is_image(output.name) or is_text(output.name))

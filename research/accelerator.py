"""Meta-train on an accelerator that is lent in chunks of minutes: `python -m research.accelerator`.

    python -m research.accelerator pack --recipe recipes/gpu.toml --data-dir DATA --out data.zip
    python -m research.accelerator chunk --recipe recipes/gpu.toml --data data.zip --state state.zip

`pack` copies the published files that a recipe's sources read into one archive, at most 64 MB.
`chunk`, on the machine with the accelerator, unpacks it, goes on from `state.zip` (or starts, if
there is none), interrupts the run in time, and writes `state.zip` anew: configuration, metrics, the
last checkpoint of each stage, and all rules. The archive is all that has to travel between chunks,
and a run cut into chunks is the run that never stopped (`--resume` is exact on one machine).
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from metaplastic.data import SOURCES
from metaplastic.data.address import parse_address
from metaplastic.data.locate import search_roots
from metaplastic.data.source import Request
from metaplastic.errors import MetaplasticError
from metaplastic.files import read_toml, write
from metaplastic.tasks.generators import GENERATORS

LIMIT = 64_000_000  # bytes of a packed archive
UNPACKED_LIMIT = 1_000_000_000  # bytes that an archive may hold
STATE = ("*.json", "*.jsonl", "*.toml", "rule.safetensors", "rules/*.safetensors")


class AcceleratorError(MetaplasticError):
    """A pack that is too large, or a chunk that cannot be run."""


def source_files(addresses: Iterable[str], data_dir: Path) -> list[Path]:
    """Return the files under `data_dir` that the addresses are read from; generators read none.

    Raises `DataError` if one is missing, `AcceleratorError` if one lies outside `data_dir`.
    """
    paths: set[Path] = set()
    for text in addresses:
        if text in GENERATORS:
            continue
        address = parse_address(text)
        source = SOURCES[address.name]
        if address.name == "table":
            paths.add(data_dir / "tables" / f"{address.rest}.npz")
        elif source.find is not None:
            request = Request(search_roots(data_dir), options=address.options)
            paths.update(source.find(request))
    for path in paths:
        if not path.is_file() or not path.is_relative_to(data_dir):
            raise AcceleratorError(f"{path} is not a file in {data_dir}; put it there to pack it")
    return sorted(paths)


def pack(recipe: Path, data_dir: Path, out: Path) -> int:
    """Write the archive and return its size in bytes. Raises `AcceleratorError` above `LIMIT`."""
    first = read_toml(recipe, AcceleratorError)
    tables = [first, *first.get("stages", [])]
    addresses = [a for table in tables for a in table.get("tasks", {}).get("sources", [])]
    write_archive(out, ((p, p.relative_to(data_dir)) for p in source_files(addresses, data_dir)))
    size = out.stat().st_size
    if size > LIMIT:
        out.unlink()
        raise AcceleratorError(
            f"the sources of {recipe} take {size / 1e6:.0f} MB; at most {LIMIT / 1e6:.0f} MB can "
            "travel: name fewer sources"
        )
    return size


def write_archive(out: Path, members: Iterable[tuple[Path, Path]]) -> None:
    """Write (file, name) pairs as one zip archive, atomically."""

    def fill(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, name in members:
                archive.write(path, name.as_posix())

    write(out, fill, AcceleratorError, parents=True)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder, which is made if necessary.

    Raises `AcceleratorError` if it cannot be read, holds more than `UNPACKED_LIMIT` bytes, or has a
    name that leaves the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if not (folder / name).resolve().is_relative_to(folder.resolve()):
                    raise AcceleratorError(f"{archive} holds {name!r}, outside of its folder")
            if sum(member.file_size for member in opened.infolist()) > UNPACKED_LIMIT:
                raise AcceleratorError(f"{archive} holds more than {UNPACKED_LIMIT:,} bytes")
            opened.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise AcceleratorError(f"{archive}: not a readable archive ({error})") from error


def state_files(run: Path) -> Iterator[Path]:
    """The files that a run needs to go on: of each stage's checkpoints, the last alone."""
    for pattern in STATE:
        yield from sorted(run.rglob(pattern))
    for folder in sorted(run.rglob("checkpoints")):
        yield from sorted(folder.glob("step-*.safetensors"))[-1:]


def chunk(recipe: Path, data: Path, state: Path, seconds: float, options: list[str]) -> int:
    """Meta-train for that many seconds and save; return the status of `meta-train`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(data, folder / "data")
        run = folder / "run"
        resumed = state.is_file()
        if resumed:
            unpack(state, run)
        how = ["--resume"] if resumed else [f"--config={recipe}"]
        command = [sys.executable, "-m", "metaplastic", "meta-train", f"--out={run}", *how,
                   f"--data-dir={folder / 'data'}", *options]  # fmt: skip
        process = subprocess.Popen(command)
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # saves a checkpoint and ends
            status = process.wait()
        except KeyboardInterrupt:  # which the run, in the same process group, has received too
            status = process.wait()
        if saved := [*state_files(run)]:  # a run that could not start leaves none
            write_archive(state, ((path, path.relative_to(run)) for path in saved))
    return status


def main() -> None:
    """Parse the command line and run one of the two commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="copy a recipe's data into one archive")
    packing.add_argument("--data-dir", type=Path, required=True)
    packing.add_argument("--out", type=Path, default=Path("data.zip"))
    chunking = commands.add_parser("chunk", help="meta-train for some minutes")
    chunking.add_argument("--data", type=Path, default=Path("data.zip"))
    chunking.add_argument("--state", type=Path, default=Path("state.zip"))
    chunking.add_argument("--seconds", type=float, default=540.0)
    for command in (packing, chunking):
        command.add_argument("--recipe", type=Path, default=Path("recipes/gpu.toml"))
    arguments, options = parser.parse_known_args()
    try:
        if arguments.command == "pack":
            if options:
                packing.error(f"unknown options: {' '.join(options)}")
            size = pack(arguments.recipe, arguments.data_dir, arguments.out)
            print(f"{arguments.out}: {size / 1e6:.1f} MB")
            return
        a = arguments
        status = chunk(a.recipe, a.data, a.state, a.seconds, options)
        where = f"the run is in {a.state}" if a.state.is_file() else "there is no run to continue"
        print(f"meta-train ended with status {status}; {where}")
        sys.exit(status if status not in (130, -signal.SIGINT) else 0)
    except MetaplasticError as error:
        sys.exit(f"accelerator: {error}")


if __name__ == "__main__":
    main()

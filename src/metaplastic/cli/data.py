"""`metaplastic data`: list, describe, fetch, verify and show data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaplastic.cli.overwriting import check_not_inputs
from metaplastic.cli.showing import progress, say, with_progress

if TYPE_CHECKING:
    from metaplastic.data.dataset import Dataset
    from metaplastic.data.source import Source

app = typer.Typer(help="List, describe, fetch, verify and show data sets.", no_args_is_help=True)

_Address = Annotated[
    str, typer.Argument(help="A data set: mnist, mnist@14, folder:PATH, csv:PATH?label=COLUMN.")
]
_Name = Annotated[str, typer.Argument(help="Name of a data set, as in `metaplastic data list`.")]
_DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder to search first, before METAPLASTIC_DATA and the cache directory.",
    ),
]


@app.command("list")
def list_(data_dir: _DataDir = None) -> None:
    """List all data sets, their permitted use, and whether their files are available."""
    from metaplastic.data.registry import SOURCES, named_sources

    say(f"{'name':<14} {'role':<11} {'kind':<7} {'here':<13} title")
    for source in named_sources():
        card = source.card
        here = _availability(source, data_dir)
        say(f"{card.name:<14} {card.role:<11} {card.kind:<7} {here:<13} {card.title}")
    say("\nmeta-train: may be used for meta-training; held-out: for evaluation only.")
    say("Addresses of your own data:")
    for source in SOURCES.values():
        if source.is_scheme:
            say(f"  {source.example:<36} {source.card.title}")


def _availability(source: Source, data_dir: Path | None) -> str:
    from metaplastic.data.locate import search_roots
    from metaplastic.data.source import Request
    from metaplastic.errors import DataError

    if source.find is None:
        return "built in"
    roots = search_roots(data_dir)
    try:
        source.find(Request(roots))
    except DataError:
        return "not fetched"
    return "yes"


@app.command()
@with_progress
def info(address: _Address, data_dir: _DataDir = None) -> None:
    """Show a data set's card and, if its files are available, its shape, classes and splits."""
    from metaplastic.data import load
    from metaplastic.data.address import parse_address
    from metaplastic.data.registry import source_of

    source = source_of(parse_address(address))
    if source.find is not None and _availability(source, data_dir) == "not fetched":
        _print_card(source.card)
        say(f"files     not available; run 'metaplastic data fetch {source.name}'")
        return
    dataset = load(address, data_dir=data_dir, progress=progress())
    _print_card(dataset.card)
    _print_contents(dataset)


def _print_card(card: object) -> None:
    for field in ("name", "title", "kind", "role", "origin", "licence", "citation", "summary"):
        value = getattr(card, field)
        if value:
            say(f"{field:<9} {value}")


def _print_contents(dataset: Dataset) -> None:
    import numpy as np

    say(f"shape     {' × '.join(map(str, dataset.shape))}")
    names = dataset.class_names
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    say(f"classes   {len(names)}: {shown}")
    for name, split in dataset.splits.items():
        counts = np.bincount(split.labels, minlength=len(names))
        counts = counts[counts > 0]
        low, high = (int(counts.min()), int(counts.max())) if counts.size else (0, 0)
        each = f"{low}" if low == high else f"{low} to {high}"
        say(f"split     {name}: {len(split):,} examples, {counts.size} classes, {each} each")
    for name in dataset.portions:
        part = dataset.portion(name)
        classes = len(np.unique(part.labels))
        say(f"portion   {name}: {len(part):,} examples, {classes} classes")
    if dataset.card.role == "held-out":
        say("portion   none: held out, for evaluation only")
    for note in dataset.notes:
        say(f"note      {note}")


@app.command()
@with_progress
def fetch(name: _Name, data_dir: _DataDir = None) -> None:
    """Download a data set's published files; resumes downloads and checks every file."""
    from metaplastic.data.download import fetch as fetch_files
    from metaplastic.data.registry import named_source

    paths = fetch_files(named_source(name), data_dir, progress=progress())
    for path in paths:
        say(f"{path}: matches the published file")


@app.command()
@with_progress
def verify(name: _Name, data_dir: _DataDir = None) -> None:
    """Compare a data set's files with the published checksums, and load them in full."""
    from metaplastic.data import load
    from metaplastic.data.registry import named_source
    from metaplastic.data.verification import verify_files
    from metaplastic.errors import DataError

    source = named_source(name)
    different: list[str] = []
    progress()("comparing with the published checksums")
    for checked in verify_files(source, data_dir):
        say(f"{checked.path}: {checked.verdict}")
        if checked.sha256:
            say(f"  sha256 {checked.sha256}")
        if checked.verdict == "differs":
            different.append(str(checked.path))
    if different:
        raise DataError(
            f"{name}: {', '.join(different)} differ from the published files; delete them and "
            "fetch them again"
        )
    dataset = load(name, data_dir=data_dir, progress=progress())
    _print_contents(dataset)


@app.command()
@with_progress
def show(
    address: _Address,
    data_dir: _DataDir = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG file to write; default: NAME.png.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Split to show.")] = "train",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed that selects examples.")] = 0,
) -> None:
    """Write a contact sheet of examples as PNG, one row per class."""
    from metaplastic.data import load
    from metaplastic.data.address import parse_address
    from metaplastic.data.contact_sheet import save_contact_sheet
    from metaplastic.errors import DataError
    from metaplastic.files import check_writable

    parsed = parse_address(address)
    stem = parsed.name if parsed.size is None else f"{parsed.name}@{parsed.size}"
    path = out or Path(f"{stem}.png")
    check_writable(path, DataError)
    check_not_inputs([path], address)
    dataset = load(address, data_dir=data_dir, progress=progress())
    save_contact_sheet(dataset, path, split, seed)
    for note in dataset.notes:
        say(f"note      {note}")
    say(f"wrote {path}")

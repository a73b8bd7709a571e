"""`metaplastic data`: list, describe, fetch, verify and show data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaplastic.cli.showing import progress, say, shows

if TYPE_CHECKING:
    from metaplastic.data.dataset import Dataset
    from metaplastic.data.source import Source

app = typer.Typer(help="List, describe, fetch, verify and show data sets.", no_args_is_help=True)

_Address = Annotated[
    str, typer.Argument(help="A data set: mnist, mnist@14, folder:PATH, csv:PATH?label=COLUMN")
]
_Name = Annotated[str, typer.Argument(help="The name of a data set, as `data list` shows it.")]
_DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Searched first, before METAPLASTIC_DATA and the cache directory.",
    ),
]


@app.command("list")
def list_(data_dir: _DataDir = None) -> None:
    """Every data set, what it may be used for and whether its files are here."""
    from metaplastic.data.registry import SOURCES, named_sources

    say(f"{'name':<14} {'role':<11} {'kind':<7} {'here':<13} title")
    for source in named_sources():
        card = source.card
        here = _whether_here(source, data_dir)
        say(f"{card.name:<14} {card.role:<11} {card.kind:<7} {here:<13} {card.title}")
    say("\nmeta-train: may be meta-trained on; held-out: for evaluation only.")
    say("Your own data, by address:")
    for source in SOURCES.values():
        if source.is_scheme:
            say(f"  {source.example:<36} {source.card.title}")


def _whether_here(source: Source, data_dir: Path | None) -> str:
    from metaplastic.data.locate import search_roots
    from metaplastic.data.source import Request
    from metaplastic.errors import DataError

    if source.find is None:
        return "built in"
    roots = search_roots(data_dir)
    try:
        source.find(Request(roots))
    except DataError:
        return "to be fetched"
    return "yes"


@app.command()
@shows
def info(address: _Address, data_dir: _DataDir = None) -> None:
    """A data set's card and, where its files are here, its shape, classes and splits."""
    from metaplastic.data import load
    from metaplastic.data.address import parse_address
    from metaplastic.data.registry import source_of

    source = source_of(parse_address(address))
    if source.find is not None and _whether_here(source, data_dir) == "to be fetched":
        _print_card(source.card)
        say(f"files     not here; run 'metaplastic data fetch {source.name}'")
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
@shows
def fetch(name: _Name, data_dir: _DataDir = None) -> None:
    """Download a data set's published files, resuming earlier downloads and checking each file."""
    from metaplastic.data.download import fetch as fetch_files
    from metaplastic.data.registry import named_source

    paths = fetch_files(named_source(name), data_dir, progress=progress())
    for path in paths:
        say(f"{path}: as published")


@app.command()
@shows
def verify(name: _Name, data_dir: _DataDir = None) -> None:
    """Compare a data set's files with the published checksums, and read them whole."""
    from metaplastic.data import load
    from metaplastic.data.registry import named_source
    from metaplastic.data.verification import verify_files
    from metaplastic.errors import DataError

    source = named_source(name)
    bad: list[str] = []
    progress()("comparing with the published checksums")
    for checked in verify_files(source, data_dir):
        say(f"{checked.path}: {checked.verdict}")
        if checked.sha256:
            say(f"  sha256 {checked.sha256}")
        if checked.verdict == "differs":
            bad.append(str(checked.path))
    if bad:
        raise DataError(
            f"{name}: {', '.join(bad)} differ from what was published; delete and fetch them again"
        )
    dataset = load(name, data_dir=data_dir, progress=progress())
    _print_contents(dataset)


@app.command()
@shows
def show(
    address: _Address,
    data_dir: _DataDir = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The PNG to write; NAME.png unless given.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which split to show.")] = "train",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which examples to show.")] = 0,
) -> None:
    """Write a contact sheet as PNG: a row a class."""
    from metaplastic.data import load
    from metaplastic.data.address import parse_address
    from metaplastic.data.contact_sheet import save_contact_sheet
    from metaplastic.errors import DataError
    from metaplastic.files import check_writable

    parsed = parse_address(address)
    stem = parsed.name if parsed.size is None else f"{parsed.name}@{parsed.size}"
    path = out or Path(f"{stem}.png")
    check_writable(path, DataError)
    dataset = load(address, data_dir=data_dir, progress=progress())
    save_contact_sheet(dataset, path, split, seed)
    for note in dataset.notes:
        say(f"note      {note}")
    say(f"wrote {path}")

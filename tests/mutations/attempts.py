"""Tries mutations of one kind of file, and says what went wrong."""

from __future__ import annotations

import contextlib
import io
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from metaplastic.errors import MetaplasticError

from .mutate import Mutate

SECONDS = 30  # one file may take so long; then it hangs
LONGEST_LINE = 1000  # characters of a message
MOST_MEMORY = 400 * 2**20  # bytes that all attempts may add to the most ever used


@dataclass(frozen=True)
class Kind:
    """A kind of file: how to make one that is whole, to damage it, and to read it back.

    `make(folder)` gives its path; `read(path)` something to compare, or raises. Where `guarded`,
    what is read from a file changed by `raw` must be what was written.
    """

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    ways: dict[str, Mutate]
    guarded: bool = False


@dataclass
class Tally:
    """What came of the attempts; `wrong` holds a few of those that went wrong."""

    refused: int = 0
    read: int = 0
    failed: int = 0
    added_memory: int = 0
    wrong: list[str] = field(default_factory=list)

    def fail(self, what: str) -> None:
        self.failed += 1
        if len(self.wrong) < 5:
            self.wrong.append(what)


class _Hangs(BaseException):
    """Not caught by code that catches every `Exception`."""


@contextlib.contextmanager
def _no_hang() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _Hangs

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attempt(kind: Kind, way: str, count: int, folder: Path, seed: int = 0) -> Tally:
    """Read `count` mutations of a whole file."""
    with patch("os.fsync"):  # of no use here, and slow
        return _attempt(kind, way, count, folder, seed)


def _attempt(kind: Kind, way: str, count: int, folder: Path, seed: int) -> Tally:
    path = kind.make(folder)
    whole = path.read_bytes()
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = kind.read(path)
    tally, mutate = Tally(), kind.ways[way]
    most = _most_memory()
    for number in range(count):
        changed = mutate(whole, Random(f"{kind.name} {way} {seed} {number}"))
        path.write_bytes(changed)
        try:
            with _no_hang(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = kind.read(path)
        except MetaplasticError as error:
            tally.refused += 1
            if "\n" in str(error) or not 0 < len(str(error)) <= LONGEST_LINE:
                tally.fail(f"{number}: not one short line: {str(error)[:200]!r}")
        except _Hangs:
            tally.fail(f"{number}: hangs")
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            tally.fail(
                f"{number}: {type(error).__name__}: {str(error)[:200]} "
                f"({last.filename}:{last.lineno})"
            )
        else:
            tally.read += 1
            if kind.guarded and way == "raw" and found != wanted:
                tally.fail(f"{number}: a changed file was taken for whole")
    tally.added_memory = _most_memory() - most
    if tally.added_memory > MOST_MEMORY:
        tally.fail(f"memory grew by {tally.added_memory / 2**20:.0f} MB")
    return tally


def _most_memory() -> int:
    """The most memory that this process ever used, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

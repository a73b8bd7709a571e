"""Commands called in this process, as the shell calls them."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from metaplastic.cli.app import main


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The status of `metaplastic` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["metaplastic", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


def table(path: str | Path) -> list[dict[str, str]]:
    """The rows of a csv file."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))

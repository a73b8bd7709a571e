"""The page of the method names existing files and functions, and every part of the rule."""

from __future__ import annotations

import re
from pathlib import Path

import metaplastic
from metaplastic.rules.local.senses import SENSES
from metaplastic.rules.local.terms import TERMS

PACKAGE = Path(metaplastic.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "method.md"
_NAMES = re.compile(r"`([A-Za-z_./]+)`")


def test_every_equation_names_functions_of_its_files() -> None:
    table = PAGE.read_text().split("## Equations")[1].split("## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| (") or "A.2" in row]
    assert len(rows) >= 8
    for row in rows:
        functions, files = (_NAMES.findall(cell) for cell in row[-3:-1])
        folder, sources = PACKAGE, ""
        for name in files:
            path = PACKAGE / name if (PACKAGE / name).exists() else folder / name
            assert path.exists(), f"{name} of {row}"
            folder = path if path.is_dir() else path.parent
            paths = path.glob("*.py") if path.is_dir() else [path]
            sources += "".join(p.read_text() for p in paths)
        for name in functions:
            if name != "inner_loop.step":  # a driver, of a file of its own
                last = name.split(".")[-1]
                assert re.search(rf"(def|class) {last}\b", sources), f"{name} of {row}"


def test_every_part_that_a_rule_has_unasked_has_its_row() -> None:
    text = PAGE.read_text()
    for name, part in (*SENSES.items(), *TERMS.items()):
        assert part.optional or f"\n| `{name}`" in text, name

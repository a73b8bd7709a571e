"""The code of every tutorial runs, block after block, and what it asserts holds."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import jax
import pytest

from metaplastic.hub import shipped_rules
from metaplastic.rules import RULES, make_rule

PAGES = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tutorial(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # what a tutorial registers is taken away again
    monkeypatch.setitem(RULES, "competitive", RULES.get("competitive", None))
    if "default" not in shipped_rules():
        stand_in = make_rule("hebbian", jax.random.key(0))
        monkeypatch.setattr("metaplastic.hub.load_rule", lambda _: stand_in)
    text = page.read_text(encoding="utf-8")
    blocks = [*re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    assert blocks
    module = ModuleType(page.stem)
    monkeypatch.setitem(sys.modules, page.stem, module)
    for block in blocks:
        line = text[: block.start(1)].count("\n")
        # blank lines before it, so that a failure names the line of the page
        code = compile("\n" * line + block[1], str(page), "exec", dont_inherit=True)
        exec(code, module.__dict__)

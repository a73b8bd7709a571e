"""Generated pages contain their sources; tutorials are notebooks that run."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from metaplastic.hub import load_card, shipped_rules

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    for name in ("gallery_page", "rules_page"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_the_gallery_shows_every_figure_of_a_study(tmp_path: Path) -> None:
    from gallery_page import gallery  # pyright: ignore[reportMissingImports]

    page = gallery()
    shown = [
        path.stem
        for path in (ROOT / "results").glob("*.json")
        if json.loads(path.read_text()).get("kind") == "study"
    ]
    assert len(shown) > 5
    for name in shown:
        content = json.loads((ROOT / "results" / f"{name}.json").read_text())
        assert f"## {content['title']}\n" in page
        assert f"```{{image}} ../results/{name}.png\n" in page
        assert f"{len(content['seeds'])} seed" in page
    assert gallery(tmp_path) == ""


def test_the_page_of_rules_has_each_card_and_the_numbers_of_its_results_file() -> None:
    from rules_page import rules  # pyright: ignore[reportMissingImports]

    page = rules()
    for name in shipped_rules():
        card = load_card(name)
        assert f"## `{name}`" in page
        assert f"| meta-trained on | {', '.join(card.training_data)} |" in page
        assert f"| horizon | {card.horizon} inner steps |" in page
    assert "library_name" not in page
    rule = json.loads((ROOT / "results" / "datasets.json").read_text())["datasets"]["mnist@14"]
    rule = rule["methods"]["rule"]
    (row,) = (line for line in page.splitlines() if line.startswith("| mnist@14 |"))
    assert f"| {rule['mean']:.3f} ± {rule['standard_error']:.3f} |" in row


@pytest.mark.parametrize("page", sorted((DOCS / "tutorials").glob("*.md")), ids=lambda p: p.stem)
def test_the_code_of_a_tutorial_is_in_cells_that_the_build_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("---\nfile_format: mystnb\n")
    assert "```{code-cell} ipython3\n" in text
    assert not re.search(r"^```python", text, re.MULTILINE)
    conf = (DOCS / "conf.py").read_text()
    assert "nb_execution_raise_on_error = True" in conf


def test_the_front_page_includes_the_table_instead_of_a_copy() -> None:
    front = (DOCS / "index.md").read_text(encoding="utf-8")
    assert "{include} ../README.md" in front
    start, end = re.findall(r":(?:start-after|end-before): (.+)", front)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(start) == readme.count(end) == 1
    assert "| learned rule" in readme.split(start)[1].split(end)[0]

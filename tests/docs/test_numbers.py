"""Every measured number in the README and the documentation is that of its results file.

Tables are made again from the results; numbers in sentences are listed in `claims.py`. A number
with two or more decimals that neither covers fails `test_every_measured_number_is_claimed`: list
it, or remove it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.docs.claims import CLAIMS
from tests.docs.numbers import ROOT, Claim, record, results

from benchmarks import readme, report
from metaplastic.demo import DATASET

PAGES = ("README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md")))
NOT_COMMITTED = ("cells/", "report.html")
NUMBER = r"([-+−]?\d[\d,]*(?:\.\d+)?)"
# bounds and settings, which are not measured
NOT_MEASURED = {
    "README.md": {"3.11", "0.03"},
    "docs/meta-training.md": {"0.01"},
    "docs/method.md": {"0.01"},
    "docs/performance.md": {"0.9999", "0.999"},
    "docs/studies.md": {"0.01", "0.03"},
}


def squeezed(text: str) -> str:
    """Return the text on one line."""
    return re.sub(r"\s+", " ", text)


def matches(claim: Claim) -> list[re.Match[str]]:
    """Find a claim on its page."""
    pattern = re.escape(squeezed(claim.text)).replace(r"\{\}", NUMBER)
    return list(re.finditer(pattern, squeezed((ROOT / claim.page).read_text())))


def agrees(shown: str, value: float) -> bool:
    """Return whether the value, rounded to the digits shown, equals the shown number."""
    plain = shown.replace(",", "").replace("−", "-")
    digits = len(plain.partition(".")[2])
    return abs(float(plain) - value) <= 0.5 * 10.0**-digits + 1e-9


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.page}: {claim.text[:40]}")
def test_a_sentences_numbers_are_those_of_its_file(claim: Claim) -> None:
    occurrences = matches(claim)
    assert len(occurrences) == 1, f"{claim.text!r} occurs {len(occurrences)} times in {claim.page}"
    shown = occurrences[0].groups()
    assert len(shown) == len(claim.numbers)
    for text, number in zip(shown, claim.numbers, strict=True):
        assert agrees(text, number()), f"{claim.page} says {text}, the results {number()}"


@pytest.mark.parametrize(
    ("shown", "value", "right"),
    [
        ("0.871", 0.8706, True),
        ("0.871", 0.8704, False),
        ("−0.0001", -0.00007, True),
        ("2,309", 2309.0, True),
        ("14", 14.6, False),
    ],
)
def test_numbers_agree_when_they_round_to_what_is_shown(
    shown: str, value: float, right: bool
) -> None:
    assert agrees(shown, value) == right


def tables_of(text: str) -> list[str]:
    """Return the Markdown tables of a page."""
    return [part.rstrip() for part in re.findall(r"(?:^\|.*\n)+", text + "\n", re.M)]


def results_of(study: str) -> list[Any]:
    """Load every results file of a study, without the cells cached in a checkout."""
    paths = (ROOT / "results").glob(f"**/{study}.json")
    return [json.loads(path.read_text()) for path in paths if path.parent.name != "cells"]


def test_the_readmes_tables_are_made_from_the_results() -> None:
    made = [readme.table(content) for content in results_of("datasets")]
    for content in results_of("domains"):
        made += tables_of(readme.domains(content))
    for content in results_of("learned"):
        made += tables_of(readme.learned(content))
    tables = [t for t in tables_of((ROOT / "README.md").read_text()) if "±" in t or "rank" in t]
    assert len(tables) >= 2
    for table in tables:
        assert table in made, f"no results file gives this table:\n{table}"


def test_the_tables_of_speed_are_made_from_their_results() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    between = page.split(report.BEGIN)[1].split(report.END)[0]
    for path in (ROOT / "results").glob("bench-*.json"):
        for table in tables_of(report.tables(json.loads(path.read_text()))):
            assert table in between


def test_every_measured_number_is_claimed() -> None:
    loose = []
    for page in PAGES:
        text = without_code((ROOT / page).read_text(), made=page == "README.md")
        for claim in CLAIMS:
            if claim.page == page:
                for match in matches(claim):
                    text = squeezed(text).replace(match.group(), " ")
        numbers = set(re.findall(r"(?<![\w.])\d+\.\d{2,}(?![\w.])", text))
        loose += [f"{page}: {number}" for number in numbers - NOT_MEASURED.get(page, set())]
    assert not loose, f"neither listed in tests/docs/claims.py nor made from results: {loose}"


def without_code(text: str, *, made: bool) -> str:
    """Return a page without its code and, if its tables are made from results, without those."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = re.sub(r"<!-- bench:begin -->.*?<!-- bench:end -->", "", text, flags=re.S)
    for table in tables_of(text) if made else ():
        if "±" in table or "mean rank" in table:
            text = text.replace(table, "")
    return text


def test_how_long_a_quick_run_takes() -> None:
    """The README says some six minutes."""
    assert 4 < record("quick")[-1]["seconds"] / 60 < 8


def test_variants_that_do_not_reach_the_loss() -> None:
    """The page on performance says so of three."""
    variants = results("time-to-quality")["variants"]
    missed = {name for name, variant in variants.items() if variant["core_minutes"] is None}
    assert missed == {"half", "small-batches", "late"}


def test_pages_name_results_that_are_there() -> None:
    for page in PAGES:
        for name in re.findall(r"`results/([\w./-]+)`", (ROOT / page).read_text()):
            if not re.search("NAME|MACHINE", name) and name not in NOT_COMMITTED:
                assert (ROOT / "results" / name).exists(), f"{page} names results/{name}"


def test_the_demos_data_are_not_the_tables() -> None:
    assert DATASET == "digits@14"
    assert "enlarged to 14×14" in squeezed((ROOT / "README.md").read_text())
    assert results("datasets")["datasets"]["digits"]["data"]["shape"] == [8, 8]

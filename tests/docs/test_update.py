"""Numbers of changed results written into the pages."""

from __future__ import annotations

import re

import pytest
from tests.docs.claims import CLAIMS
from tests.docs.numbers import ROOT
from tests.docs.test_numbers import NUMBER
from tests.docs.update import rounded, updated


@pytest.mark.parametrize("index", [0, len(CLAIMS) // 2, len(CLAIMS) - 1])
def test_a_page_gets_its_numbers_back(index: int) -> None:
    claim = CLAIMS[index]
    page = (ROOT / claim.page).read_text()
    words = [re.escape(word) for word in claim.text.split()]
    pattern = r"\s+".join(words).replace(r"\{\}", NUMBER)
    found = re.search(pattern, page)
    assert found is not None
    wrong = list(page)
    for group in range(1, len(claim.numbers) + 1):
        digit = found.end(group) - 1
        wrong[digit] = str((int(page[digit]) + 5) % 10)
    assert updated("".join(wrong), claim) == page


@pytest.mark.parametrize(
    ("shown", "value", "text"),
    [
        ("0.871", 0.88049, "0.880"),
        ("−0.0010", -0.00207, "−0.0021"),
        ("-0.001", -0.0001, "0.000"),
        ("+0.5", 0.26, "+0.3"),
        ("2,309", 12309.4, "12,309"),
    ],
)
def test_a_number_keeps_its_form(shown: str, value: float, text: str) -> None:
    assert rounded(shown, value) == text


def test_a_sentence_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="occurs 0 times"):
        updated("nothing", CLAIMS[0])

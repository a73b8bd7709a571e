"""The rule in the wheel is the one that the committed results are of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaplastic.evaluation.named_rule import named_rule

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("study", ["datasets", "text", "labels", "architectures"])
def test_the_results_are_of_the_shipped_rule(study: str) -> None:
    content = json.loads((RESULTS / f"{study}.json").read_text())
    assert content["rule"]["fingerprint"] == named_rule("default").fingerprint

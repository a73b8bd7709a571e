"""The rule in the wheel is the one that the committed results are of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks import shipped_card
from metaplastic import PlasticEncoder
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.hub import load_card
from metaplastic.hub.rule_file import rule_page
from metaplastic.readout.ridge import readout_accuracy

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("study", ["datasets", "text", "labels", "architectures"])
def test_the_results_are_of_the_shipped_rule(study: str) -> None:
    content = json.loads((RESULTS / f"{study}.json").read_text())
    assert content["rule"]["fingerprint"] == named_rule("default").fingerprint


def test_nothing_is_to_be_said_against_the_shipped_rule() -> None:
    """`evaluate` and `study` print a caution of a rule that was hardly meta-trained."""
    rule = named_rule("default")
    assert rule.caution == ""
    assert "meta-trained for 60 meta-steps only" in rule._replace(meta_steps=60).caution


def test_a_rule_older_than_a_setting_keeps_its_fingerprint() -> None:
    """Results and cells are kept under it; it was written before `subspace` was a setting."""
    older = RESULTS / "default" / "stage-7" / "rule.safetensors"
    assert named_rule(str(older)).fingerprint == "974105dc98f0d1d9"


@pytest.mark.slow
def test_a_wide_layer_does_not_collapse() -> None:
    """Once did: 10,000 units fell from 0.50 to 0.18 on MNIST. Above the random network by more
    than ten standard errors of a difference of accuracies on 1,597 images."""
    x, y = load_digits(return_X_y=True)
    accuracy = {}
    for steps in (0, 40):
        encoder = PlasticEncoder(
            hidden_layer_sizes=(2048,), layers="last", max_iter=steps, random_state=0
        )
        u = encoder.fit_transform(x)
        labelled = np.concatenate([np.flatnonzero(y == c)[:20] for c in range(10)])
        remaining = np.setdiff1d(np.arange(len(y)), labelled)
        accuracy[steps] = readout_accuracy(u[labelled], y[labelled], u[remaining], y[remaining], 10)
    assert accuracy[40] > accuracy[0] + 0.15


def test_its_card_says_what_its_studies_and_all_its_stages_say() -> None:
    """`python -m benchmarks.shipped_card` puts it there."""
    card = load_card("default")
    assert card == shipped_card.completed(card)
    lines = [
        (path.parent / "metrics.jsonl").read_text().splitlines()[-1]
        for path in shipped_card.stages()
    ]
    hours = sum(json.loads(line)["seconds"] for line in lines) / 3600
    assert card.seconds_in_all is not None
    assert card.seconds_in_all / 3600 == pytest.approx(hours, abs=0.05)
    assert "| duration | 8 h 24 min |" in rule_page("default")

"""Means and standard errors: not defined for one seed, and shown so."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from metaplastic.evaluation.results import mean_and_error, paired_difference, plain, with_error
from metaplastic.figures import plain as plain_figure
from metaplastic.figures.tables import shown

NAN = math.nan


@pytest.mark.parametrize("values", [[0.9], [0.9, *[NAN] * 9]])
def test_one_number_has_no_standard_error(values: list[float]) -> None:
    summary = mean_and_error(values)
    assert (summary["mean"], summary["n"]) == (0.9, 1)
    assert math.isnan(summary["standard_error"])
    assert math.isnan(paired_difference(values, values)["standard_error"])
    stored = json.loads(json.dumps(plain(summary)))
    assert stored["standard_error"] is None
    failed = ", 9 seeds failed" if len(values) > 1 else ""
    assert shown(stored) == with_error(summary) == f"0.900 (one seed{failed})"


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        ({"mean": 0.9, "standard_error": 0.01, "n": 5, "failed": 0}, "+0.900 ± 0.010"),
        ({"mean": 0.9, "standard_error": 0.01, "failed": 1}, "+0.900 ± 0.010 (1 seed failed)"),
        # as earlier versions wrote it
        ({"mean": 0.9, "standard_error": 0.0, "n": 1, "failed": 0}, "+0.900 (one seed)"),
        ({"mean": None, "standard_error": None, "n": 0, "failed": 3}, "no number"),
        (mean_and_error([NAN, NAN]), "no number"),
    ],
)
def test_summaries_in_words(summary: dict, text: str) -> None:
    assert with_error(summary, sign=True) == text


def test_figures_draw_no_error_bar_for_one_seed() -> None:
    """Of a results file with two methods, one of which has only one seed."""
    methods = {
        name: {"title": name, "accuracy": values, **plain(mean_and_error(values))}
        for name, values in {"rule": [0.9], "raw": [0.5, 0.7]}.items()
    }
    settings = {"labels_per_class": 1, "hidden": [4], "n_features": 2}
    content = {"title": "a study", "methods": methods, "seeds": [0], "settings": settings}
    assert "0.900 (one seed)" in plain_figure.tables(content)
    figure = plain_figure.draw(content)
    figure.canvas.draw()
    # the segments of each error bar; NaN is not drawn
    bars = [np.ravel(bar.get_segments()[0]) for bar in figure.axes[0].collections]
    assert [len(bar[np.isfinite(bar)]) for bar in bars] == [4, 0]
    assert "standard error" not in figure.get_suptitle()

"""The critical-difference diagram: which methods its bars join, and whether it can be read."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from metaplastic.evaluation.significance import rank
from metaplastic.figures.rank_diagram import draw_ranks
from metaplastic.figures.style import GREY


def _standing(table: np.ndarray, titles: list[str] | None = None) -> dict[str, Any]:
    ranking = rank(table)
    rows = [
        {"method": f"m{i}", "title": titles[i] if titles else f"m{i}", "mean_rank": float(r)}
        for i, r in enumerate(ranking.mean_ranks)
    ]
    return {
        "rows": sorted(rows, key=lambda row: row["mean_rank"]),
        "critical_difference": ranking.critical_difference,
        "friedman_p": ranking.p,
        "data_sets": [*range(len(table))],
        "role": "report",
    }


def _drawn(standing: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(10.5, 1.3 + 0.17 * len(standing["rows"])), layout="constrained")
    FigureCanvasAgg(figure)
    draw_ranks(figure.subplots(), standing)
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize("seed", range(8))
def test_bars_join_those_pairs_that_the_test_does_not_separate(seed: int) -> None:
    """Two methods are under one bar if and only if their mean ranks are within the difference."""
    rng = np.random.default_rng(seed)
    table = np.round(rng.normal(size=(12, 7)) + rng.normal(size=7) * 2, 1)  # with ties
    standing = _standing(table)
    ranks = [row["mean_rank"] for row in standing["rows"]]
    lines = _drawn(standing).axes[0].lines
    bars = [line.get_xdata() for line in lines if to_hex(line.get_color()) == to_hex(GREY)]
    for a, b in itertools.combinations(ranks, 2):
        joined = any(low <= a <= high and low <= b <= high for low, high in bars)
        assert joined == (abs(a - b) <= standing["critical_difference"])
    for one, other in itertools.permutations(bars, 2):
        assert not (one[0] >= other[0] and one[1] <= other[1])  # none says what another does


@pytest.mark.parametrize(("methods", "sets"), [(2, 20), (5, 1), (8, 18), (17, 20), (17, 2)])
def test_no_text_covers_another_or_leaves_the_picture(methods: int, sets: int) -> None:
    table = np.round(np.random.default_rng(0).random((sets, methods)), 1)
    titles = [f"inputs, averaged over their nearest neighbours {i}" for i in range(methods)]
    figure = _drawn(_standing(table, titles))
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in (*axes.texts, axes.title)]
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.padded(-0.5).overlaps(other.padded(-0.5))
    shown = [axes.transData.transform((x, 0))[0] for x in axes.lines[-1].get_xdata()]
    assert max(shown) <= figure.bbox.x1


def test_it_says_what_friedmans_test_found() -> None:
    rng = np.random.default_rng(1)
    noise = rng.random((15, 4))
    assert "so no difference is shown" in _drawn(_standing(noise)).axes[0].get_title()
    clear = _drawn(_standing(noise + np.arange(4))).axes[0].get_title()
    assert clear.endswith("Friedman's test: p < 0.001")
    assert "Friedman" not in _drawn(_standing(noise[:1])).axes[0].get_title()

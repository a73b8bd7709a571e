"""Titles stay inside of the figure, whatever its width."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from metaplastic.figures.style import new_figure


@pytest.mark.parametrize("width", [3.0, 6.5, 12.0])
def test_a_long_title_is_broken_into_lines(width: float) -> None:
    title = "accuracy after 80 inner steps, with ten labels per class and three seeds of a rule"
    figure = new_figure(width, 4.0, title)
    figure.subplots()
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    (drawn,) = figure.texts
    extent = drawn.get_window_extent(canvas.get_renderer())
    assert extent.x0 >= 0
    assert extent.x1 <= figure.bbox.width
    assert extent.y1 <= figure.bbox.height

"""The figure of a study that has none of its own: its methods from best to worst.

Its results hold `methods`: by name, a `title` and the `mean` and `standard_error` of `accuracy`.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from metaplastic.figures.style import ACCURACY, BLUE, GREY, new_figure, numbers, protocol_note
from metaplastic.figures.tables import OURS, ranked, shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Means as points with standard errors, the learned rule in blue."""
    rows = ranked(content["methods"])[::-1]
    title = f"{content['title']}\n{protocol_note(content)}"
    figure = new_figure(6.5, 1.4 + 0.26 * len(rows), title)
    axes = figure.subplots()
    for place, (name, method, _) in enumerate(rows):
        axes.errorbar(
            numbers([method["mean"]]),
            [place],
            xerr=numbers([method["standard_error"]]),
            color=BLUE if name in OURS else GREY,
            marker="o",
            capsize=2.5,
        )
    axes.set_yticks(range(len(rows)), [method["title"] for _, method, _ in rows])
    axes.set_xlabel(ACCURACY)
    return figure


def tables(content: dict[str, Any]) -> str:
    """A row a method, best first."""
    rows = [
        ((method["title"], shown(method)), row) for _, method, row in ranked(content["methods"])
    ]
    return table(content["title"], ("method", "accuracy"), rows)

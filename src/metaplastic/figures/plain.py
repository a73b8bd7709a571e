"""The default figure of a study: its methods from best to worst.

The results hold `methods`: for each name a `title` and the `mean` and `standard_error` of the
`accuracy`.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from metaplastic.figures.style import ACCURACY, BLUE, GREY, new_figure, numbers, protocol_note
from metaplastic.figures.tables import OURS, ranked, shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Draw means as points with standard errors, the learned rule in blue."""
    rows = ranked(content["methods"])[::-1]
    title = f"{content['title']}\n{protocol_note(content)}"
    figure = new_figure(6.5, 1.4 + 0.26 * len(rows), title)
    axes = figure.subplots()
    for index, (name, method, _) in enumerate(rows):
        axes.errorbar(
            numbers([method["mean"]]),
            [index],
            xerr=numbers([method["standard_error"]]),
            color=BLUE if name in OURS else GREY,
            marker="o",
            capsize=2.5,
        )
    axes.set_yticks(range(len(rows)), [method["title"] for _, method, _ in rows])
    axes.set_xlabel(ACCURACY)
    return figure


def tables(content: dict[str, Any]) -> str:
    """Return a table with a row per method, best first."""
    rows = [
        ((method["title"], shown(method)), row) for _, method, row in ranked(content["methods"])
    ]
    return table(content["title"], ("method", "accuracy"), rows)

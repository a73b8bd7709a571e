"""Marks of a table: ▽ for a method that the rule beats, ▲ for one that beats the rule.

The test is a paired t-test over seeds, with Holm's correction over all cells of the table.
"""

from __future__ import annotations

from typing import Any

from metaplastic.evaluation.results import as_numbers
from metaplastic.evaluation.significance import Comparison, compare


def compared(
    datasets: dict[str, Any], reference: str = "rule"
) -> dict[tuple[str, str], Comparison]:
    """Compare the reference with every method of a results file, by (data set, method)."""
    pairs = {}
    for address, entry in datasets.items():
        methods = entry["methods"]
        if reference not in methods:
            continue
        ours = as_numbers(methods[reference]["accuracy"])
        for name, method in methods.items():
            if name != reference and len(method["accuracy"]) == len(ours):
                pairs[address, name] = (ours, as_numbers(method["accuracy"]))
    return compare(pairs)

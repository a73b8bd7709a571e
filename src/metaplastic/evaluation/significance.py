"""Significance of differences between methods: paired t-tests, Holm's correction, ranks.

Two kinds of comparison, after Demšar, *Statistical comparisons of classifiers over multiple data
sets*, JMLR 7 (2006):

- on one data set, method against method, over seeds: a two-sided paired t-test, whose heavy tails
  for few seeds "two standard errors" would ignore, with p-values corrected by Holm (1979) over the
  whole table;
- over many data sets, all methods at once: mean ranks, Friedman's test in the form of Iman and
  Davenport (1980), and Nemenyi's critical difference.

Seeds determine labels, initial networks and permutations, while the test rows are the same for all.
These tests therefore say nothing about other test rows; `sampling_error` does.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.05

Key = TypeVar("Key", bound=Hashable)


def paired_t_test(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Compute the two-sided p-value of the hypothesis that the mean per-seed difference is 0.

    Seeds without a number are left out. NaN with fewer than two seeds; 1 if no seed differs, 0 if
    all differ by the same amount.
    """
    from scipy.stats import ttest_rel

    first, second = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    difference = first - second
    known = np.isfinite(difference)
    difference = difference[known]
    if len(difference) < 2:
        return math.nan
    if np.ptp(difference) < 1e-12:  # no spread beyond rounding: t is infinite, or 0 / 0
        return 1.0 if abs(difference[0]) < 1e-12 else 0.0
    return float(ttest_rel(first[known], second[known]).pvalue)  # pyright: ignore


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Correct p-values for multiple tests: reject if the result is below α.

    The i-th smallest of m is multiplied by m - i + 1 and made non-decreasing (Holm, 1979). NaN,
    which means that nothing could be tested, stays NaN and is not counted.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values.values()) if not math.isnan(p))
    keys = list(p_values)
    corrected = dict.fromkeys(keys, math.nan)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[keys[index]] = largest
    return corrected


class Comparison(NamedTuple):
    """Ours against one other method on one data set; `difference` is ours minus theirs."""

    difference: float
    p: float
    p_holm: float

    @property
    def verdict(self) -> str:
        """Return `win`, `loss` or `tie` for ours, at the level of 5 % over the whole table."""
        if not self.p_holm < ALPHA or self.difference == 0:
            return "tie"
        return "win" if self.difference > 0 else "loss"

    @property
    def mark(self) -> str:
        """Return ▽ for a method that ours beats, ▲ for one that beats ours."""
        return {"win": "▽", "loss": "▲", "tie": ""}[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison for results files."""
        return {**self._asdict(), "verdict": self.verdict}


def compare(
    pairs: Mapping[Key, tuple[Sequence[float], Sequence[float]]],
) -> dict[Key, Comparison]:
    """Compare (ours, theirs) over seeds for every cell of a table, with Holm over all cells."""
    p = {key: paired_t_test(*pair) for key, pair in pairs.items()}
    corrected = holm(p)
    comparisons = {}
    for key, (ours, theirs) in pairs.items():
        difference = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
        difference = difference[np.isfinite(difference)]
        mean = float(np.mean(difference)) if len(difference) else math.nan
        comparisons[key] = Comparison(mean, p[key], corrected[key])
    return comparisons


def sampling_error(accuracy: float, rows: int) -> float:
    """Compute the standard error of an accuracy from sampling test rows: √(a (1 - a) / rows)."""
    return math.sqrt(max(0.0, accuracy * (1 - accuracy)) / rows)


class Ranking(NamedTuple):
    """Ranks of k methods over N data sets; 1 is best.

    mean_ranks: (k,). friedman: the statistic χ²_F, `f` that of Iman and Davenport, with its
    p-value. critical_difference: Nemenyi's for two methods' mean ranks at 5 %; None with fewer
    than two methods or no data set.
    """

    mean_ranks: NDArray[np.float64]
    data_sets: int
    friedman: float
    f: float
    p: float
    critical_difference: float | None


def rank(accuracies: ArrayLike) -> Ranking:
    """Rank the methods (columns) on each data set (rows); ties share their mean rank.

    accuracies: (N, k), all finite.
    """
    from scipy.stats import f as f_distribution
    from scipy.stats import rankdata

    table = np.asarray(accuracies, np.float64)
    n, k = table.shape
    if n == 0 or k < 2:
        return Ranking(np.ones(k), n, math.nan, math.nan, math.nan, None)
    means = rankdata(-table, axis=1).mean(axis=0)
    friedman = 12 * n / (k * (k + 1)) * (float(np.sum(means**2)) - k * (k + 1) ** 2 / 4)
    denominator = n * (k - 1) - friedman
    f = (n - 1) * friedman / denominator if denominator > 0 else math.inf
    p = float(f_distribution.sf(f, k - 1, (k - 1) * (n - 1))) if n > 1 else math.nan
    return Ranking(means, n, friedman, f, p, critical_difference(k, n))


def critical_difference(methods: int, data_sets: int, alpha: float = ALPHA) -> float:
    """Compute Nemenyi's critical difference q_α √(k (k + 1) / 6N), with q_α the studentised range
    divided by √2 (Demšar, table 5)."""
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, methods, np.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * data_sets))


def cliques(mean_ranks: Sequence[float], difference: float) -> list[tuple[int, ...]]:
    """Return the maximal groups of two or more methods, as indices into `mean_ranks`, whose mean
    ranks differ by at most `difference`: the bars of the diagram."""
    order = [int(i) for i in np.argsort(mean_ranks, kind="stable")]
    groups: list[tuple[int, ...]] = []
    covered = 0
    for first in range(len(order)):
        last = max(
            i
            for i in range(first, len(order))
            if mean_ranks[order[i]] - mean_ranks[order[first]] <= difference
        )
        if last > first and last + 1 > covered:
            groups.append(tuple(order[first : last + 1]))
            covered = last + 1
    return groups

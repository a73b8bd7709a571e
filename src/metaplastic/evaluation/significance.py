"""Which differences between methods are more than chance: paired t-tests, Holm, ranks.

Two kinds of comparison, after Demšar, *Statistical comparisons of classifiers over multiple data
sets*, JMLR 7 (2006):

- on one data set, method against method, over seeds: a two-sided paired t-test, which with few
  seeds has the heavy tails that "two standard errors" forgets, p-values corrected by Holm (1979)
  over the whole table;
- over many data sets, all methods at once: mean ranks, Friedman's test in the form of Iman and
  Davenport (1980), and Nemenyi's critical difference.

Seeds draw labels, initial networks and permutations; the test rows are the same in all of them.
So these tests say nothing about other test rows: `sampling_error` does.
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
    """The two-sided p-value that the mean difference, seed by seed, is 0.

    Seeds without a number are left out. NaN with fewer than two seeds; 1 where no seed differs, 0
    where all differ by the same amount.
    """
    from scipy.stats import ttest_rel

    first, second = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    gap = first - second
    known = np.isfinite(gap)
    gap = gap[known]
    if len(gap) < 2:
        return math.nan
    if np.ptp(gap) < 1e-12:  # no spread but rounding: t is infinite, or 0 / 0
        return 1.0 if abs(gap[0]) < 1e-12 else 0.0
    return float(ttest_rel(first[known], second[known]).pvalue)  # pyright: ignore


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """p-values corrected for testing them all: reject where the result is below α.

    The i-th smallest of m is multiplied by m - i + 1, then raised to those before it (Holm, 1979).
    NaN, where nothing could be tested, stays NaN and is not counted.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values.values()) if not math.isnan(p))
    keys = list(p_values)
    corrected = dict.fromkeys(keys, math.nan)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[keys[place]] = largest
    return corrected


class Comparison(NamedTuple):
    """Ours against one other method on one data set; `difference` is ours less theirs."""

    difference: float
    p: float
    p_holm: float

    @property
    def verdict(self) -> str:
        """`win`, `loss` or `tie`, of ours, at the level of 5 % over the whole table."""
        if not self.p_holm < ALPHA or self.difference == 0:
            return "tie"
        return "win" if self.difference > 0 else "loss"

    @property
    def mark(self) -> str:
        """▽ beside a method that ours beats, ▲ beside one that beats ours."""
        return {"win": "▽", "loss": "▲", "tie": ""}[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """For results files."""
        return {**self._asdict(), "verdict": self.verdict}


def compare(
    pairs: Mapping[Key, tuple[Sequence[float], Sequence[float]]],
) -> dict[Key, Comparison]:
    """Compare (ours, theirs), seed by seed, for every cell of a table, with Holm over all cells."""
    p = {key: paired_t_test(*pair) for key, pair in pairs.items()}
    corrected = holm(p)
    found = {}
    for key, (ours, theirs) in pairs.items():
        gap = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
        gap = gap[np.isfinite(gap)]
        mean = float(np.mean(gap)) if len(gap) else math.nan
        found[key] = Comparison(mean, p[key], corrected[key])
    return found


def sampling_error(accuracy: float, rows: int) -> float:
    """The standard error of an accuracy from the choice of test rows: √(a (1 - a) / rows)."""
    return math.sqrt(max(0.0, accuracy * (1 - accuracy)) / rows)


class Ranking(NamedTuple):
    """Ranks of k methods over N data sets; 1 is best.

    mean_ranks: (k,). friedman: the statistic χ²_F, `f` that of Iman and Davenport, with its
    p-value. critical_difference: of two methods' mean ranks, Nemenyi's at 5 %; None where there
    are fewer than two methods or no data set.
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
    room = n * (k - 1) - friedman
    f = (n - 1) * friedman / room if room > 0 else math.inf
    p = float(f_distribution.sf(f, k - 1, (k - 1) * (n - 1))) if n > 1 else math.nan
    return Ranking(means, n, friedman, f, p, critical_difference(k, n))


def critical_difference(methods: int, data_sets: int, alpha: float = ALPHA) -> float:
    """Nemenyi's: q_α √(k (k + 1) / 6N), q_α the studentised range over √2 (Demšar, table 5)."""
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, methods, np.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * data_sets))


def cliques(mean_ranks: Sequence[float], difference: float) -> list[tuple[int, ...]]:
    """Groups of methods, by place in `mean_ranks`, that the critical difference does not separate
    apart: the bars of the diagram. Each as long as it can be, of two methods or more."""
    order = [int(i) for i in np.argsort(mean_ranks, kind="stable")]
    found: list[tuple[int, ...]] = []
    reached = 0
    for first in range(len(order)):
        last = max(
            i
            for i in range(first, len(order))
            if mean_ranks[order[i]] - mean_ranks[order[first]] <= difference
        )
        if last > first and last + 1 > reached:
            found.append(tuple(order[first : last + 1]))
            reached = last + 1
    return found

"""Tests over seeds and over data sets, against examples worked by hand and in print."""

import math

import numpy as np
import pytest

from metaplastic.evaluation.significance import (
    cliques,
    compare,
    critical_difference,
    holm,
    paired_t_test,
    rank,
    sampling_error,
)


def test_holm_by_hand():
    """0.01 · 4, 0.03 · 3, 0.04 · 2 raised to the one before it, 0.6."""
    result = holm({"d": 0.6, "a": 0.01, "c": 0.04, "b": 0.03, "none": math.nan})
    assert result["a"] == pytest.approx(0.04)
    assert result["b"] == pytest.approx(0.09)
    assert result["c"] == pytest.approx(0.09)
    assert result["d"] == pytest.approx(0.6)
    assert math.isnan(result["none"])
    assert list(result) == ["d", "a", "c", "b", "none"]
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_the_paired_test_by_hand():
    """Differences 1, 2, 3: mean 2, standard error 1/√3, t = 3.464 with two degrees of freedom,
    whose distribution has p = 1 - t / √(t² + 2)."""
    t = 2 * math.sqrt(3)
    expected = 1 - t / math.sqrt(t**2 + 2)
    assert paired_t_test([2, 4, 6], [1, 2, 3]) == pytest.approx(expected)
    assert paired_t_test([2, 4, 6, math.nan], [1, 2, 3, 5]) == pytest.approx(expected)
    assert paired_t_test([1, 2], [1, 2]) == 1.0
    assert paired_t_test([2, 3], [1, 2]) == 0.0
    assert math.isnan(paired_t_test([2], [1]))


def test_two_standard_errors_are_not_enough_with_ten_seeds():
    """A lead of 2.1 standard errors: beyond the old mark, not beyond t with nine degrees."""
    gap = np.array([1.0, -1.0] * 5)
    gap += 2.1 * gap.std(ddof=1) / math.sqrt(10)
    assert paired_t_test(list(gap), [0.0] * 10) > 0.05


def test_marks_hold_for_the_whole_table():
    rng = np.random.default_rng(0)
    noise = {i: (list(rng.normal(size=10)), [0.0] * 10) for i in range(200)}
    marked = [c for c in compare(noise).values() if c.mark]
    assert len(marked) <= 1  # uncorrected, ten of two hundred
    pairs = {
        **noise,
        "won": ([0.9, 0.91, 0.92, 0.9] * 2, [0.5, 0.52, 0.51, 0.51] * 2),
        "lost": ([0.5, 0.52, 0.51, 0.51] * 2, [0.9, 0.91, 0.92, 0.9] * 2),
        "equal": ([0.5] * 8, [0.5] * 8),
    }
    result = compare(pairs)
    assert (result["won"].verdict, result["won"].mark) == ("win", "▽")
    assert (result["lost"].verdict, result["lost"].mark) == ("loss", "▲")
    assert (result["equal"].verdict, result["equal"].mark) == ("tie", "")
    assert result["won"].difference == pytest.approx(0.3975)


def test_ranks_and_friedmans_test_by_hand():
    """Two data sets, three methods: ranks (1, 2, 3) and (1.5, 1.5, 3)."""
    result = rank([[0.9, 0.8, 0.1], [0.7, 0.7, 0.2]])
    np.testing.assert_allclose(result.mean_ranks, [1.25, 1.75, 3.0])
    expected = 12 * 2 / (3 * 4) * (1.25**2 + 1.75**2 + 3**2 - 3 * 16 / 4)
    assert result.friedman == pytest.approx(expected)
    assert result.f == pytest.approx(expected / (2 * 2 - expected))


def test_demsars_own_example():
    """JMLR 7 (2006), section 3.2.3: four methods, fourteen data sets, mean ranks as printed."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.01)
    assert critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=0.01)
    for methods, q in ((2, 1.960), (5, 2.728), (10, 3.164)):  # his table 5
        room = math.sqrt(methods * (methods + 1) / (6 * 7))
        assert critical_difference(methods, 7) == pytest.approx(q * room, abs=2e-3)


def test_nemenyis_q_are_those_in_print():
    """His table 5 (a), two to ten methods."""
    printed = {
        0.05: (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164),
        0.10: (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920),
    }
    for alpha, row in printed.items():
        for methods, q in enumerate(row, 2):
            root = math.sqrt(methods * (methods + 1) / (6 * 30))
            assert critical_difference(methods, 30, alpha) / root == pytest.approx(q, abs=1e-3)


def test_his_table_6_gives_his_ranks_and_statistics():
    """Accuracies of four methods on fourteen data sets, ties among them.

    The third and the fourth have 0.975 on voting and the ranks 2 and 3: they differ beyond the
    digits that are printed.
    """
    table = """
        .763 .768 .771 .798  .599 .591 .590 .569  .954 .971 .968 .967  .628 .661 .654 .657
        .882 .888 .886 .898  .936 .931 .916 .931  .661 .668 .609 .685  .583 .583 .563 .625
        .775 .838 .866 .875  1 1 1 1              .940 .962 .965 .962  .619 .666 .614 .669
        .972 .981 .9751 .975 .957 .978 .946 .970
    """
    result = rank(np.array(table.split(), float).reshape(14, 4))
    np.testing.assert_allclose(result.mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert result.friedman == pytest.approx(9.28, abs=0.01)
    assert result.f == pytest.approx(3.69, abs=0.01)


def test_friedmans_statistic_is_scipys_where_nothing_ties():
    from scipy.stats import friedmanchisquare

    table = np.random.default_rng(3).random((14, 4))
    expected = friedmanchisquare(*table.T).statistic  # pyright: ignore[reportAttributeAccessIssue]
    assert rank(table).friedman == pytest.approx(expected)
    assert rank(table).p > 1e-3
    better = table + np.array([0, 0, 0, 2])
    assert rank(better).p < 1e-4
    assert rank(better).mean_ranks[3] == 1


def test_ranks_of_nothing():
    assert rank(np.empty((0, 3))).critical_difference is None
    assert rank(np.ones((4, 1))).critical_difference is None


def test_cliques_are_those_of_the_diagram():
    """Demšar's figure 1: ranks 3.143, 2.000, 2.893, 1.964 within 1.25 are all one group."""
    assert cliques([3.143, 2.000, 2.893, 1.964], 1.25) == [(3, 1, 2, 0)]
    assert cliques([1.0, 1.5, 2.4, 4.0], 1.0) == [(0, 1), (1, 2)]
    assert cliques([1.0, 3.0, 5.0], 1.0) == []


def test_the_error_of_the_test_sample():
    assert sampling_error(0.8, 400) == pytest.approx(0.02)
    assert sampling_error(1.0, 10) == 0

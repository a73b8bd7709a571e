"""Tables as problems: halves, groups, small classes, standardisation, files that are not right."""

import numpy as np
import pytest

from metaplastic.errors import DataError
from metaplastic.evaluation.tables import (
    FIT_ROWS,
    TEST_ROWS,
    fingerprint,
    load_limited,
    load_table,
)


@pytest.fixture
def folder(tmp_path):
    """Writes tables, and gives the data directory."""
    (tmp_path / "tables").mkdir()

    def write(name="some", **arrays):
        np.savez(tmp_path / "tables" / f"{name}.npz", **arrays)
        return tmp_path

    return write


def drawn(n, d=4, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.standard_normal((n, d)) * [1, 10, 100, 0][:d] + 5 + y[:, None], y


def test_halves_are_even_standardised_and_reproducible(folder):
    x, y = drawn(120)
    data = folder(X=x, y=y + 7)  # labels need not begin at 0
    problem = load_table("some", data)
    assert problem.train.shape == problem.test.shape == (60, 4)
    assert np.bincount(problem.train_labels).tolist() == [20, 20, 20]
    assert problem.n_classes == 3
    np.testing.assert_allclose(problem.train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(problem.train[:, :3].std(axis=0), 1, atol=1e-5)
    assert np.isfinite(problem.test).all()
    rows = {row.tobytes() for row in problem.train}
    assert not rows & {row.tobytes() for row in problem.test}
    assert fingerprint(load_table("some", data)) == fingerprint(problem)


def test_constant_columns_are_zero_and_outliers_are_clipped(folder):
    x, y = drawn(400, classes=2)
    x[:, 3] = 12345.678
    x[y == 1, 0] = 0.0
    x[0, 0] = x[1, 0] = 1e6
    problem = load_table("some", folder(X=x, y=y))
    assert (problem.train[:, 3] == 0).all()
    assert np.abs(problem.train).max() <= 10
    assert np.abs(problem.test).max() <= 10


def test_large_tables_are_cut(folder):
    x, y = drawn(30_000, d=2)
    problem = load_table("some", folder(X=x.astype(np.float16), y=y))
    assert len(problem.train) == FIT_ROWS
    assert len(problem.test) == TEST_ROWS


def test_groups_stay_whole(folder):
    x, y = drawn(240, classes=2)
    groups = np.arange(240) // 12
    x[:, 1] = groups  # so that groups can be seen
    problem = load_table("some", folder(X=x, y=y, groups=groups))
    seen = [set(np.round(rows[:, 1], 4).tolist()) for rows in (problem.train, problem.test)]
    assert not seen[0] & seen[1]
    assert any("wholly in one half" in note for note in problem.notes)


def test_groups_are_split_where_a_class_would_miss(folder):
    x, y = drawn(240, classes=2)
    problem = load_table("some", folder(X=x, y=y, groups=y))  # each class is one group
    assert problem.n_classes == 2
    assert any("groups of rows are split" in note for note in problem.notes)


def test_small_classes_are_left_out_and_counted(folder):
    x, _ = drawn(100)
    y = np.repeat([0, 1, 2], [60, 37, 3])
    problem = load_table("some", folder(X=x, y=y))
    assert problem.n_classes == 2
    assert set(problem.test_labels.tolist()) == {0, 1}
    assert "1 of 3 classes left out" in problem.notes[0]
    x, y = drawn(30)
    with pytest.raises(DataError, match="0 of 3 classes"):
        load_table("some", folder(X=x, y=y))


def test_a_class_of_one_row_does_no_harm(folder):
    x, _ = drawn(101)
    problem = load_table("some", folder(X=x, y=np.repeat([0, 1, 2], [50, 50, 1])))
    assert problem.n_classes == 2


def test_a_search_sees_nothing_of_the_half_tested_on(folder):
    x, y = drawn(240)
    data = folder(X=x, y=y)
    reported, searched = load_table("some", data), load_table("some", data, for_search=True)
    assert len(searched.train) + len(searched.test) == len(reported.train)
    # the last column is constant noise-free: undo each standardisation by the ranks of column 0
    tested = np.sort(reported.test[:, 0])
    both = np.concatenate([searched.train, searched.test])[:, 0]
    low, high = np.polyfit(np.sort(both), np.sort(reported.train[:, 0]), 1)
    np.testing.assert_allclose(np.sort(both) * low + high, np.sort(reported.train[:, 0]), atol=1e-4)
    assert np.abs(np.sort(both)[:50] * low + high - tested[:50]).max() > 1e-3


def test_files_that_are_not_right_are_named(folder):
    x, y = drawn(60)
    with pytest.raises(DataError, match="--data-dir"):
        load_table("other", folder(X=x, y=y))
    for arrays, match in (
        ({"X": x}, "no array y"),
        ({"X": x[:, 0], "y": y}, "matrix of numbers"),
        ({"X": x, "y": y[:5]}, "60 rows"),
        ({"X": np.where(x > 5, np.nan, x), "y": y}, "missing or infinite"),
        ({"X": x.astype(str), "y": y}, "matrix of numbers"),
    ):
        with pytest.raises(DataError, match=match):
            load_table("some", folder(**arrays))


def test_a_data_set_by_address_keeps_its_own_splits():
    problem = load_limited("digits")
    assert len(problem.train) + len(problem.test) == 1797
    assert problem.shape == (8, 8)


def test_the_published_tables(real_data):
    if not (real_data / "tables").is_dir():
        pytest.skip(f"no tables in {real_data}")
    problem = load_table("mice_protein", real_data)
    assert problem.n_classes == 8
    assert any("wholly in one half" in note for note in problem.notes)
    with pytest.raises(DataError, match="0 of 4 classes"):
        load_table("ge_khan", real_data)

"""Tasks of rows: vectors, texts and tables, from arrays and from the data directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metaplastic.encoder.moments import column_moments
from metaplastic.encoder.scale import choose_scale, scale_of
from metaplastic.errors import ConfigError, DataError
from metaplastic.tasks import (
    Architecture,
    Augmentation,
    DatasetSource,
    RowSource,
    TaskConfig,
    fitting,
    load_sources,
    sample_task,
)
from metaplastic.tasks.standardise import standardise_rows

IMAGES = Architecture(14, 1, (64,), 32)
VECTORS = Architecture(0, 0, (64,), 32, columns=24)


@pytest.fixture(scope="module")
def rows() -> RowSource:
    """Six classes of 30 rows of 20 columns in different units, and one class of 5."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(7), [30] * 6 + [5])
    values = rng.standard_normal((7, 20))[labels] + rng.standard_normal((185, 20))
    values = values * 10.0 ** np.arange(-10, 10)
    members = tuple(np.flatnonzero(labels == c) for c in range(7))
    return RowSource("rows", values.astype(np.float32), members)


def test_shapes_of_a_task_of_rows(rows: RowSource) -> None:
    config = TaskConfig(n_classes=6, examples_per_class=15, labelled_apart=10, labels_per_class=5)
    task = sample_task([rows], config, VECTORS, [1])
    assert task.inputs.shape == (6, 25, 24)
    columns = task.inputs.reshape(150, 24)
    spread = columns.std(axis=0)
    used = spread > 0
    assert 12 <= used.sum() <= 20  # a subset of the columns, padded with zeros
    np.testing.assert_allclose(spread[used], 1.0, atol=0.02)
    assert not task.targets[..., 6:].any()


def test_rows_kept_apart_differ_from_the_others_even_in_small_classes(rows: RowSource) -> None:
    still = Augmentation()
    drawn = rows.draw(np.random.default_rng(3), 6, 60, VECTORS, still, 12).inputs
    for one_class in drawn.reshape(6, 60, 24):
        seen, apart = ({row.tobytes() for row in part} for part in np.split(one_class, [48]))
        assert len(apart) == 12
        assert not seen & apart


def test_which_groups_sources_fit(blobs: DatasetSource, rows: RowSource) -> None:
    both = [blobs, rows]
    assert fitting(both, IMAGES, 6) == (blobs,)
    assert fitting(both, VECTORS, 6) == (rows,)
    assert fitting(both, VECTORS, 7) == ()  # the seventh class has five rows
    assert fitting(both, VECTORS, 6, 31) == ()
    assert fitting(both, IMAGES, 6, 31) == (blobs,)  # images are augmented each time
    wide = Architecture(0, 0, (), 4, columns=81)  # most would be padding
    assert fitting(both, wide, 6) == ()
    assert fitting(both, Architecture(14, 1, (), 4), 12) == (blobs,)
    assert fitting(both, Architecture(14, 1, (), 4), 13) == ()


@pytest.mark.parametrize(
    ("settings", "fits"),
    [
        ({"examples_per_class": 30}, True),
        ({"examples_per_class": 31}, False),
        ({"examples_per_class": 60, "labelled_apart": 30}, True),
        ({"examples_per_class": 60, "labelled_apart": 31}, False),
    ],
)
def test_no_row_can_be_in_both_labelled_batches(
    rows: RowSource, settings: dict, fits: bool
) -> None:
    """Both are drawn from the rows kept apart, or else from the pool."""
    config = TaskConfig(n_classes=6, **settings)
    assert (fitting([rows], VECTORS, 6, config.distinct_per_class) == (rows,)) is fits
    if fits:
        task = sample_task([rows], config, VECTORS, [1])
        for one_class in task.inputs[:, -config.distinct_per_class :]:
            assert len({row.tobytes() for row in one_class}) == config.distinct_per_class
    else:
        with pytest.raises(ValueError, match=r"cannot be empty|larger sample"):
            sample_task([rows], config, VECTORS, [1])


@pytest.mark.parametrize("kind", ["pixels", "units", "constant columns", "one value"])
def test_rows_are_standardised_as_the_encoder_does(kind: str) -> None:
    rng = np.random.default_rng(1)
    x = 5 + rng.standard_normal((50, 6))
    if kind == "units":
        x = np.exp(3 * x) * 10.0 ** np.arange(6)
    elif kind == "constant columns":
        x[:, 2:4] = 7
    elif kind == "one value":
        x[:] = 3
    columns = column_moments(x)
    by_column = choose_scale("auto", columns) == "columns"
    assert by_column is (kind == "units")
    scale = scale_of(columns if by_column else columns.pooled())
    expected = np.clip((x - scale.mean) / scale.std, -scale.limit, scale.limit)
    np.testing.assert_allclose(standardise_rows(x), expected, atol=1e-4)


@pytest.mark.parametrize(
    "address", ["table:adult", "openml:adult", "csv:there/adult.csv?label=y", "npz:adult.v2.npz"]
)
def test_a_reported_table_is_refused_in_every_scheme(address: str) -> None:
    with pytest.raises(ConfigError, match="adult is one of the tables that results are reported"):
        load_sources([address], "meta-train", n_classes=2)


def test_a_table_of_the_data_directory_is_a_source(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    (tmp_path / "tables").mkdir()
    np.savez(tmp_path / "tables" / "mine.npz", X=rng.standard_normal((120, 9)), y=labels)
    train, validation = (
        load_sources(["table:mine"], portion, n_classes=3, data_dir=tmp_path)[0]
        for portion in ("meta-train", "meta-validation")
    )
    assert isinstance(train, RowSource)
    assert [len(m) for m in train.members] == [32] * 3
    assert [len(m) for m in validation.members] == [8] * 3
    known = {row.tobytes() for row in np.asarray(train.rows)}
    assert not any(row.tobytes() in known for row in np.asarray(validation.rows))
    with pytest.raises(DataError, match="a task needs 4"):
        load_sources(["table:mine"], "meta-train", n_classes=4, data_dir=tmp_path)
    with pytest.raises(DataError, match=r"tables/other\.npz not found"):
        load_sources(["table:other"], "meta-train", n_classes=2, data_dir=tmp_path)

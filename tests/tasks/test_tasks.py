"""Tasks: shapes, seeds, disjoint portions, augmentation, architectures, held-out data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metaplastic.errors import ConfigError, DataError
from metaplastic.tasks import (
    Architecture,
    Augmentation,
    DatasetSource,
    TaskConfig,
    load_sources,
    n_targets,
    sample_task,
)

ARCHITECTURE = Architecture(14, 1, (64,), 32)


def test_shapes_of_a_task(blobs: DatasetSource) -> None:
    config = TaskConfig()
    task = sample_task([blobs], config, ARCHITECTURE, [1, 2])
    assert task.inputs.shape == (10, 60, 196)
    assert task.targets.shape == (10, 60, n_targets(config)) == (10, 60, 14)
    assert abs(task.inputs.mean()) < 1e-4
    assert task.inputs.std() == pytest.approx(1.0, abs=1e-3)
    one_hot = task.targets[..., :10]
    np.testing.assert_allclose(np.linalg.norm(one_hot, axis=-1), 1.0, rtol=1e-5)
    assert (one_hot.argmax(-1) == np.arange(10)[:, None]).all()
    np.testing.assert_allclose(one_hot.sum(-1), 0.0, atol=1e-6)


def test_the_seed_determines_everything(blobs: DatasetSource) -> None:
    one, same, other = (
        sample_task([blobs], TaskConfig(), ARCHITECTURE, seed) for seed in ([3, 1], [3, 1], [3, 2])
    )
    np.testing.assert_array_equal(one.inputs, same.inputs)
    np.testing.assert_array_equal(one.targets, same.targets)
    assert not np.array_equal(one.inputs, other.inputs)


def test_without_regression_weight_targets_are_labels_only(blobs: DatasetSource) -> None:
    config = TaskConfig(augmentation=Augmentation(regression_weight=0.0))
    assert sample_task([blobs], config, ARCHITECTURE, [0]).targets.shape[-1] == 10


@pytest.mark.parametrize(("count", "apart"), [(20, 10), (90, 10), (300, 15)])
def test_examples_kept_apart_come_from_different_originals(count: int, apart: int) -> None:
    """With constant images and no augmentation, each example identifies its original."""
    images = np.repeat(np.arange(60, dtype=np.uint8), 196).reshape(60, 14, 14)
    source = DatasetSource("levels", images, tuple(np.arange(30) + 30 * c for c in range(2)))
    still = Augmentation(shift=0, rotation=0, noise=0)
    drawn = source.draw(np.random.default_rng(3), 2, count, ARCHITECTURE, still, apart)
    levels = np.round(drawn.inputs[:, 0], 4).reshape(2, count)
    for one_class in levels:
        seen, unseen = set(one_class[: count - apart]), set(one_class[count - apart :])
        assert not seen & unseen
        assert len(unseen) == apart


def test_a_class_with_few_images_shares_them(blobs: DatasetSource) -> None:
    config = TaskConfig(examples_per_class=100, labelled_apart=20)
    task = sample_task([blobs], config, ARCHITECTURE, [1, 2])
    assert task.inputs.shape[:2] == task.targets.shape[:2] == (10, 120)


def test_glyphs_share_no_class_between_portions() -> None:
    train, validation = (
        load_sources(["glyphs"], portion, n_classes=10)[0]
        for portion in ("meta-train", "meta-validation")
    )
    assert len(train.members) >= 50
    assert len(validation.members) >= 10
    known = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in known for image in validation.images)


def test_a_held_out_data_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="held out in this run's config"):
        load_sources(["glyphs@14"], "meta-train", n_classes=10, held_out=["glyphs"])
    with pytest.raises((ConfigError, DataError), match="held"):
        load_sources(["digits@14"], "meta-train", n_classes=10)


def test_too_few_classes_are_an_error() -> None:
    with pytest.raises(DataError, match="a task needs 5000"):
        load_sources(["glyphs"], "meta-train", n_classes=5000)


def test_the_error_for_an_unknown_source_lists_data_sets_and_generators() -> None:
    with pytest.raises(
        ConfigError,
        match=r"source of tasks 'shapez'; known: .*mnist.*reviews.*Did you mean 'shapes'",
    ):
        load_sources(["shapez"], "meta-train", n_classes=10)
    with pytest.raises(DataError, match="no option 'fonts'"):  # a known one, options and all
        load_sources(["glyphs?fonts=few"], "meta-train", n_classes=10)


def test_an_empty_list_of_sources_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        load_sources([], "meta-train", n_classes=10)


def test_what_is_left_out_of_a_users_table_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "t.csv"
    rows = [f"{i},{i % 7}.5,{i % 3}.25,class {i % 12}" for i in range(240)]
    table.write_text("\n".join([",a,b,y", *rows]) + "\n")
    caplog.set_level("INFO", logger="metaplastic")
    address = f"csv:{table}?label=y"
    load_sources([address], "meta-train", n_classes=2)
    assert f"{address}: " in caplog.text
    assert "column 1 left out: an unnamed index" in caplog.text
    caplog.clear()
    load_sources([address], "meta-validation", n_classes=2)
    assert caplog.text == ""

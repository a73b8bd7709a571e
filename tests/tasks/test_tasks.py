"""Tasks: shapes, seeds, disjoint portions, augmentation, architectures, the guard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import ndimage

from metaplastic.encoder.moments import column_moments
from metaplastic.encoder.scale import decide, scale_of
from metaplastic.errors import ConfigError, DataError
from metaplastic.tasks import (
    Architecture,
    ArchitectureSpace,
    Augmentation,
    DatasetSource,
    RowSource,
    TaskConfig,
    TaskSpace,
    fitting,
    load_sources,
    n_targets,
    sample_task,
)
from metaplastic.tasks.augmentation import warp
from metaplastic.tasks.standardise import standardise_rows


@pytest.fixture(scope="module")
def blobs() -> DatasetSource:
    """Twelve classes of 30 smooth grey 20x20 images."""
    rng = np.random.default_rng(0)
    images = ndimage.gaussian_filter(rng.random((360, 20, 20)), (0, 3, 3))
    images = ((images - images.min()) / np.ptp(images) * 255).astype(np.uint8)
    return DatasetSource("blobs", images, tuple(np.arange(30 * c, 30 * c + 30) for c in range(12)))


ARCHITECTURE = Architecture(14, 1, (64,), 32)


def test_a_task_has_the_shapes_it_says(blobs: DatasetSource) -> None:
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


def test_the_seed_decides_everything(blobs: DatasetSource) -> None:
    one, same, other = (
        sample_task([blobs], TaskConfig(), ARCHITECTURE, seed) for seed in ([3, 1], [3, 1], [3, 2])
    )
    np.testing.assert_array_equal(one.inputs, same.inputs)
    np.testing.assert_array_equal(one.targets, same.targets)
    assert not np.array_equal(one.inputs, other.inputs)


def test_without_regression_weight_targets_are_labels_alone(blobs: DatasetSource) -> None:
    config = TaskConfig(augmentation=Augmentation(regression_weight=0.0))
    assert sample_task([blobs], config, ARCHITECTURE, [0]).targets.shape[-1] == 10


def test_a_task_has_its_own_share_of_the_augmentation() -> None:
    """Equal images differ, and their amounts count, as much as their task varies them."""
    image = np.random.default_rng(0).integers(0, 255, (1, 14, 14)).astype(np.uint8)
    source = DatasetSource("one", np.repeat(image, 40, axis=0), tuple(np.arange(40).reshape(2, 20)))
    varied = TaskConfig(
        n_classes=2, examples_per_class=20, augmentation=Augmentation(least_share=0.0)
    )
    differing, counting = [], []
    for seed in range(12):
        task = sample_task([source], varied, ARCHITECTURE, [seed])
        differing.append(task.inputs.reshape(40, -1).std(axis=0).mean())
        counting.append(task.targets[..., 2:].std())
    assert np.corrcoef(differing, counting)[0, 1] > 0.9
    assert min(differing) < 0.4 * max(differing)
    assert max(counting) < 0.1 / 2  # the weight of a whole share, over the root of four amounts
    whole = sample_task(
        [source], varied.model_copy(update={"augmentation": Augmentation()}), ARCHITECTURE, [0]
    )
    assert whole.targets[..., 2:].std() == pytest.approx(0.1 / 2, rel=0.1)


@pytest.mark.parametrize(("count", "apart"), [(20, 10), (90, 10), (300, 15)])
def test_examples_kept_apart_are_of_other_originals(count: int, apart: int) -> None:
    """One constant image per member, not augmented, tells which original an example is of."""
    images = np.repeat(np.arange(60, dtype=np.uint8), 196).reshape(60, 14, 14)
    source = DatasetSource("levels", images, tuple(np.arange(30) + 30 * c for c in range(2)))
    still = Augmentation(shift=0, rotation=0, noise=0)
    drawn = source.draw(np.random.default_rng(3), 2, count, ARCHITECTURE, still, apart)
    levels = np.round(drawn.inputs[:, 0], 4).reshape(2, count)
    for one_class in levels:
        seen, kept = set(one_class[: count - apart]), set(one_class[count - apart :])
        assert not seen & kept
        assert len(kept) == apart


def test_a_class_of_few_images_shares_them(blobs: DatasetSource) -> None:
    config = TaskConfig(examples_per_class=100, labelled_apart=20)
    task = sample_task([blobs], config, ARCHITECTURE, [1, 2])
    assert task.inputs.shape[:2] == task.targets.shape[:2] == (10, 120)


def _centre_of_mass(image: NDArray) -> tuple[float, float]:
    return tuple(float(v) for v in ndimage.center_of_mass(image))


def test_warp_shifts_by_the_fraction_it_is_told() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 12:16, 12:16] = 255
    shift = np.array([[0.25, -0.125]])
    moved = warp(image, 14, shift, np.zeros(1))[0]
    still = warp(image, 14, 0 * shift, np.zeros(1))[0]
    difference = np.subtract(_centre_of_mass(moved), _centre_of_mass(still))
    np.testing.assert_allclose(difference, [0.25 * 14, -0.125 * 14], atol=0.05)


def test_warp_turns_about_the_centre() -> None:
    image = np.zeros((1, 29, 29), np.uint8)
    image[0, 14, 24] = 255
    turned = warp(image, 29, np.zeros((1, 2)), np.array([np.pi / 2]))[0]
    row, column = np.unravel_index(turned.argmax(), turned.shape)
    assert abs(row - 14) == 10
    assert column == 14


def test_warp_is_area_averaging_where_nothing_moves() -> None:
    image = np.random.default_rng(0).integers(0, 255, (2, 28, 28)).astype(np.uint8)
    wanted = image.reshape(2, 14, 2, 14, 2).mean(axis=(2, 4))
    got = warp(image, 14, np.zeros((2, 2)), np.zeros(2))
    np.testing.assert_allclose(got, wanted, atol=1e-3)


def test_architectures_stay_in_their_space_and_differ() -> None:
    space = ArchitectureSpace(sides=(14, 16), layers=(2, 5), units=(64, 512))
    drawn = space.draw_distinct(np.random.default_rng(0), 12)
    assert len(set(drawn)) == 12
    for architecture in drawn:
        assert 2 <= len(architecture.hidden) + 1 <= 5
        assert set(architecture.hidden) <= {64, 512}
        assert architecture.sizes[0] == architecture.side**2
    one = ArchitectureSpace(layers=(2, 2), units=(64,)).draw_distinct(np.random.default_rng(0), 3)
    assert len(set(one)) == 1
    mixed = ArchitectureSpace(layers=(2, 2), units=(64,), activations=("relu", "sin"))
    names = {str(a) for a in mixed.draw_distinct(np.random.default_rng(0), 2)}
    assert names == {"196-64-32", "196-64-32 sin"}


@pytest.mark.parametrize(
    "wrong", [{"layers": (3, 2)}, {"sides": (0,)}, {"channels": (2,)}, {"activations": ("rleu",)}]
)
def test_impossible_spaces_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        ArchitectureSpace(**wrong)


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


def test_too_few_classes_are_named() -> None:
    with pytest.raises(DataError, match="a task needs 5000"):
        load_sources(["glyphs"], "meta-train", n_classes=5000)


def test_an_unknown_source_is_answered_with_data_sets_and_generators() -> None:
    with pytest.raises(
        ConfigError,
        match=r"source of tasks 'shapez'; known: .*mnist.*reviews.*Did you mean 'shapes'",
    ):
        load_sources(["shapez"], "meta-train", n_classes=10)
    with pytest.raises(DataError, match="no option 'fonts'"):  # a known one, options and all
        load_sources(["glyphs?fonts=few"], "meta-train", n_classes=10)


def test_no_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        load_sources([], "meta-train", n_classes=10)


def test_groups_of_rows_and_of_images_are_drawn_side_by_side() -> None:
    space = ArchitectureSpace(columns=(16, 64), vector_groups=2, layers=(2, 2), units=(64,))
    drawn = space.draw_distinct(np.random.default_rng(0), 3)
    assert [a.is_image for a in drawn] == [True, False, False]
    assert {a.sizes[0] for a in drawn[1:]} == {16, 64}
    images = ArchitectureSpace(layers=(2, 2), units=(64,)).draw_distinct(
        np.random.default_rng(0), 1
    )
    assert drawn[0] == images[0]


@pytest.mark.parametrize("wrong", [{"columns": (8,)}, {"vector_groups": 1}, {"columns": (0,)}])
def test_groups_of_rows_need_columns(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        ArchitectureSpace(**wrong)


def test_numbers_of_classes_and_labels_are_drawn_where_a_range_is_given() -> None:
    space = TaskSpace(n_classes=(2, 30), labels_per_class=(1, 50), examples_per_class=100)
    rng = np.random.default_rng(0)
    drawn = [space.draw(rng) for _ in range(200)]
    for name, low, high in (("n_classes", 2, 30), ("labels_per_class", 1, 50)):
        values = [getattr(one, name) for one in drawn]
        assert min(values) == low
        assert 0.9 * high <= max(values) <= high
        assert np.median(values) < (low + high) / 3  # few as often as many
    before = rng.bit_generator.state["state"]
    assert TaskSpace().draw(rng) == TaskConfig()
    assert rng.bit_generator.state["state"] == before


@pytest.mark.parametrize(
    "wrong", [{"n_classes": (1, 3)}, {"n_classes": (5, 3)}, {"labels_per_class": 0}]
)
def test_impossible_ranges_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError, match="<= fewest <= most"):
        TaskSpace(**wrong)


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


def test_a_task_of_rows_has_the_shapes_it_says(rows: RowSource) -> None:
    config = TaskConfig(n_classes=6, examples_per_class=15, labelled_apart=10, labels_per_class=5)
    task = sample_task([rows], config, VECTORS, [1])
    assert task.inputs.shape == (6, 25, 24)
    columns = task.inputs.reshape(150, 24)
    spread = columns.std(axis=0)
    kept = spread > 0
    assert 12 <= kept.sum() <= 20  # a subset of the columns, and zeros up to the group's width
    np.testing.assert_allclose(spread[kept], 1.0, atol=0.02)
    assert not task.targets[..., 6:].any()


def test_rows_kept_apart_are_of_other_rows_even_where_a_class_has_few(rows: RowSource) -> None:
    still = Augmentation()
    drawn = rows.draw(np.random.default_rng(3), 6, 60, VECTORS, still, 12).inputs
    for one_class in drawn.reshape(6, 60, 24):
        seen, kept = ({row.tobytes() for row in part} for part in np.split(one_class, [48]))
        assert len(kept) == 12
        assert not seen & kept


def test_sources_draw_for_the_groups_that_they_fit(blobs: DatasetSource, rows: RowSource) -> None:
    both = [blobs, rows]
    assert fitting(both, ARCHITECTURE, 6) == (blobs,)
    assert fitting(both, VECTORS, 6) == (rows,)
    assert fitting(both, VECTORS, 7) == ()  # the seventh class has five rows
    assert fitting(both, VECTORS, 6, 31) == ()
    wide = Architecture(0, 0, (), 4, columns=81)  # most would be padding
    assert fitting(both, wide, 6) == ()
    assert fitting(both, Architecture(14, 1, (), 4), 12) == (blobs,)
    assert fitting(both, Architecture(14, 1, (), 4), 13) == ()


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
    by_column = decide("auto", columns) == "columns"
    assert by_column is (kind == "units")
    scale = scale_of(columns if by_column else columns.pooled())
    wanted = np.clip((x - scale.mean) / scale.std, -scale.limit, scale.limit)
    np.testing.assert_allclose(standardise_rows(x), wanted, atol=1e-4)


@pytest.mark.parametrize(
    "address", ["table:adult", "openml:adult", "csv:there/adult.csv?label=y", "npz:adult.v2.npz"]
)
def test_a_reported_table_is_refused_under_every_scheme(address: str) -> None:
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


def test_topologies_are_drawn_among_the_groups_and_images_keep_their_place(
    blobs: DatasetSource,
) -> None:
    space = ArchitectureSpace(
        topologies=("perceptron", "residual", "conv"),
        maps=(4,),
        layers=(3, 3),
        columns=(16,),
        vector_groups=1,
    )
    drawn = space.draw_distinct(np.random.default_rng(0), 12)
    assert {a.topology for a in drawn} == {"perceptron", "residual", "conv"}
    assert not drawn[-1].is_map  # rows of numbers have no place for a convolution
    conv = next(a for a in drawn if a.is_map)
    assert conv.model.shapes == ((14, 14, 1), (7, 7, 4), (4, 4, 4), (32,))
    residual = next(a for a in drawn if a.topology == "residual")
    assert [layer.skip for layer in residual.model.layers] == [0, 1, 0]

    # neighbouring pixels of smooth images are alike where they are not permuted
    def alike(architecture: Architecture) -> float:
        task = sample_task([blobs], TaskConfig(), architecture, [3])
        rows = task.inputs.reshape(-1, 14, 14)
        return float(np.corrcoef(rows[:, :, 1:].ravel(), rows[:, :, :-1].ravel())[0, 1])

    assert alike(conv) > 0.5
    assert alike(Architecture(14, 1, (64,), 32)) < 0.3
    texts = load_sources(["topics", "shapes"], "meta-train", n_classes=10)
    assert [s.address for s in fitting(texts, conv, 10)] == ["shapes"]

"""Drawing architectures, and numbers of classes and labels, from the configured spaces."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from metaplastic.tasks import (
    Architecture,
    ArchitectureSpace,
    DatasetSource,
    TaskConfig,
    TaskSpace,
    fitting,
    load_sources,
    sample_task,
)


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
    ("hidden", "skips"), [((), [0]), ((5,), [0, 0]), ((5, 5, 5), [0, 1, 1, 0])]
)
def test_residual_architectures_of_any_depth(hidden: tuple[int, ...], skips: list[int]) -> None:
    architecture = Architecture(14, 1, hidden, 8, topology="residual")
    assert [layer.skip for layer in architecture.model.layers] == skips


def test_groups_of_rows_differ_in_their_base_models() -> None:
    """Sides and channels are ignored for rows, so a difference in them alone is none."""
    space = ArchitectureSpace(
        sides=(8, 10, 12, 14), columns=(16,), vector_groups=2, layers=(1, 1), n_features=(4, 8)
    )
    for seed in range(20):
        one, other = space.draw_distinct(np.random.default_rng(seed), 2)
        assert one.model != other.model


@pytest.mark.parametrize(
    "wrong", [{"layers": (3, 2)}, {"sides": (0,)}, {"channels": (2,)}, {"activations": ("rleu",)}]
)
def test_impossible_spaces_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        ArchitectureSpace(**wrong)


def test_groups_of_rows_and_of_images_can_be_combined() -> None:
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


def test_numbers_of_classes_and_labels_are_drawn_from_a_range() -> None:
    space = TaskSpace(n_classes=(2, 30), labels_per_class=(1, 50), examples_per_class=100)
    rng = np.random.default_rng(0)
    drawn = [space.draw(rng) for _ in range(200)]
    for name, low, high in (("n_classes", 2, 30), ("labels_per_class", 1, 50)):
        values = [getattr(one, name) for one in drawn]
        assert min(values) == low
        assert 0.9 * high <= max(values) <= high
        assert np.median(values) < (low + high) / 3  # uniform on a logarithmic scale
    before = rng.bit_generator.state["state"]
    assert TaskSpace().draw(rng) == TaskConfig()
    assert rng.bit_generator.state["state"] == before


@pytest.mark.parametrize(
    "wrong", [{"n_classes": (1, 3)}, {"n_classes": (5, 3)}, {"labels_per_class": 0}]
)
def test_impossible_ranges_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError, match="<= fewest <= most"):
        TaskSpace(**wrong)


def test_topologies_are_drawn_and_convolutions_keep_pixels_in_place(
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
    assert not drawn[-1].is_map  # no convolutions over rows of numbers
    conv = next(a for a in drawn if a.is_map)
    assert conv.model.shapes == ((14, 14, 1), (7, 7, 4), (4, 4, 4), (32,))
    residual = next(a for a in drawn if a.topology == "residual")
    assert [layer.skip for layer in residual.model.layers] == [0, 1, 0]

    # neighbouring pixels of smooth images are correlated unless they are permuted
    def correlation(architecture: Architecture) -> float:
        task = sample_task([blobs], TaskConfig(), architecture, [3])
        rows = task.inputs.reshape(-1, 14, 14)
        return float(np.corrcoef(rows[:, :, 1:].ravel(), rows[:, :, :-1].ravel())[0, 1])

    assert correlation(conv) > 0.5
    assert correlation(Architecture(14, 1, (64,), 32)) < 0.3
    texts = load_sources(["topics", "shapes"], "meta-train", n_classes=10)
    assert [s.address for s in fitting(texts, conv, 10)] == ["shapes"]

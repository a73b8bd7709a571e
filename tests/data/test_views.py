"""Views: grey, colour, classes, standardisation, labelled samples."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_matrix

from metaplastic.data import (
    colour,
    from_arrays,
    grey,
    load,
    resize,
    sample_labelled,
    standardise,
    to_matrix,
    with_classes,
)
from metaplastic.errors import DataError, MetaplasticError


def _colour_set(classes: int = 4, each: int = 30):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (classes * each, 12, 10, 3), dtype=np.uint8)
    return from_arrays(images, np.repeat(np.arange(classes), each))


def test_grey_is_pillows_luma() -> None:
    dataset = _colour_set()
    view = grey(dataset)
    assert view.shape == (12, 10)
    for ours, image in zip(view.train.inputs, dataset.train.inputs, strict=True):
        theirs = np.asarray(Image.fromarray(image).convert("L"))
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    assert grey(view) is view


def test_colour_has_three_equal_channels() -> None:
    view = colour(load("digits"))
    assert view.shape == (8, 8, 3)
    assert (view.train.inputs[..., 0] == view.train.inputs[..., 2]).all()
    np.testing.assert_array_equal(grey(view).train.inputs, load("digits").train.inputs)


def test_an_address_names_a_resolution() -> None:
    small, whole = load("digits@4"), load("digits")
    np.testing.assert_array_equal(
        small.train.inputs, np.rint(whole.train.inputs.reshape(-1, 4, 2, 4, 2).mean((2, 4)))
    )
    assert small.shape == (4, 4)
    assert load("digits@14").shape == (14, 14)


def test_standardised_train_split_has_mean_0_and_deviation_1() -> None:
    dataset = standardise(load("digits"))
    assert dataset.train.inputs.dtype == np.float32
    assert abs(float(dataset.train.inputs.mean())) < 1e-5
    assert abs(float(dataset.train.inputs.std()) - 1) < 1e-4
    # The test split is scaled by the same two numbers.
    raw = load("digits")
    expected = (raw.test.inputs - raw.train.inputs.mean()) / raw.train.inputs.std()
    np.testing.assert_allclose(dataset.test.inputs, expected, atol=1e-4)


def test_standardising_sparse_inputs_agrees_with_dense() -> None:
    rng = np.random.default_rng(1)
    dense = rng.poisson(0.3, (60, 20)).astype(np.float32)
    labels = np.arange(60) % 2
    one = standardise(from_arrays(csr_matrix(dense), labels))
    other = standardise(from_arrays(dense, labels))
    np.testing.assert_allclose(one.train.inputs, other.train.inputs, atol=1e-5)


def test_constant_inputs_are_standardised_to_zero() -> None:
    dataset = standardise(from_arrays(np.full((10, 3), 7.0), np.arange(10) % 2))
    np.testing.assert_array_equal(dataset.train.inputs, 0)


def test_classes_are_renumbered_in_the_order_given() -> None:
    dataset = load("digits")
    view = with_classes(dataset, ["7", 2])
    assert view.class_names == ("7", "2")
    for label, digit in ((0, 7), (1, 2)):
        np.testing.assert_array_equal(
            view.train.inputs[view.train.labels == label],
            dataset.train.inputs[dataset.train.labels == digit],
        )


@pytest.mark.parametrize("classes", [["eleven"], [10], [], ["1", "1"]])
def test_invalid_class_subsets_are_refused(classes: list) -> None:
    with pytest.raises(MetaplasticError):
        with_classes(load("digits"), classes)


def test_a_subset_moves_no_class_between_portions() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(40), 5)
    dataset = from_arrays(rng.normal(size=(200, 3)), labels)
    before = {
        name: {dataset.class_names[i] for i in dataset.portion(name).labels}
        for name in ("meta-train", "meta-validation")
    }
    view = with_classes(dataset, [int(i) for i in rng.permutation(40)[:25]])
    for name, classes in before.items():
        after = {view.class_names[i] for i in view.portion(name).labels}
        assert after == classes & set(view.class_names)


def test_labelled_samples_are_balanced_different_and_seeded() -> None:
    labels = load("digits").train.labels
    chosen = sample_labelled(labels, 10, np.random.default_rng(3))
    assert len(set(chosen)) == 100
    np.testing.assert_array_equal(np.bincount(labels[chosen]), 10)
    np.testing.assert_array_equal(chosen, sample_labelled(labels, 10, np.random.default_rng(3)))
    assert (chosen != sample_labelled(labels, 10, np.random.default_rng(4))).any()


def test_a_class_with_too_few_examples_is_named() -> None:
    with pytest.raises(DataError, match="class 1 has 2 examples, fewer than the 3"):
        sample_labelled(np.array([0, 0, 0, 1, 1]), 3, np.random.default_rng(0))
    with pytest.raises(DataError, match="at least 1"):
        sample_labelled(np.array([0]), 0, np.random.default_rng(0))


def test_matrices_are_float32_rows() -> None:
    images = load("digits").train.inputs
    matrix = to_matrix(images)
    assert matrix.shape == (len(images), 64)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[5], images[5].reshape(-1))
    np.testing.assert_array_equal(to_matrix(csr_matrix(np.eye(3))), np.eye(3))


def test_vectors_cannot_be_resized() -> None:
    for view in (lambda d: resize(d, 8), grey, colour):
        with pytest.raises(DataError, match="two_moons"):
            view(load("two_moons"))
    with pytest.raises(DataError, match="two_moons"):
        load("two_moons@8")

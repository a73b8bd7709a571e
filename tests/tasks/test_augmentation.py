"""Augmentation: the share of each task, and warps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from metaplastic.tasks import (
    Architecture,
    Augmentation,
    DatasetSource,
    TaskConfig,
    augmentation,
    sample_task,
)
from metaplastic.tasks.augmentation import warp

ARCHITECTURE = Architecture(14, 1, (64,), 32)


def test_a_task_has_its_own_share_of_the_augmentation() -> None:
    """The differences between equal images, and the weight of the amounts, grow with the share."""
    image = np.random.default_rng(0).integers(0, 255, (1, 14, 14)).astype(np.uint8)
    source = DatasetSource("one", np.repeat(image, 40, axis=0), tuple(np.arange(40).reshape(2, 20)))
    varied = TaskConfig(
        n_classes=2, examples_per_class=20, augmentation=Augmentation(least_share=0.0)
    )
    differences, weights = [], []
    for seed in range(12):
        task = sample_task([source], varied, ARCHITECTURE, [seed])
        differences.append(task.inputs.reshape(40, -1).std(axis=0).mean())
        weights.append(task.targets[..., 2:].std())
    assert np.corrcoef(differences, weights)[0, 1] > 0.9
    assert min(differences) < 0.4 * max(differences)
    assert max(weights) < 0.1 / 2  # the weight at full share, over the root of four amounts
    whole = sample_task(
        [source], varied.model_copy(update={"augmentation": Augmentation()}), ARCHITECTURE, [0]
    )
    assert whole.targets[..., 2:].std() == pytest.approx(0.1 / 2, rel=0.1)


def _centre_of_mass(image: NDArray) -> tuple[float, float]:
    return tuple(float(v) for v in ndimage.center_of_mass(image))


def test_warp_shifts_by_the_given_fraction() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 12:16, 12:16] = 255
    shift = np.array([[0.25, -0.125]])
    moved = warp(image, 14, shift, np.zeros(1))[0]
    still = warp(image, 14, 0 * shift, np.zeros(1))[0]
    difference = np.subtract(_centre_of_mass(moved), _centre_of_mass(still))
    np.testing.assert_allclose(difference, [0.25 * 14, -0.125 * 14], atol=0.05)


def test_warp_rotates_about_the_centre() -> None:
    image = np.zeros((1, 29, 29), np.uint8)
    image[0, 14, 24] = 255
    turned = warp(image, 29, np.zeros((1, 2)), np.array([np.pi / 2]))[0]
    row, column = np.unravel_index(turned.argmax(), turned.shape)
    assert abs(row - 14) == 10
    assert column == 14


def test_warp_is_area_averaging_without_motion() -> None:
    image = np.random.default_rng(0).integers(0, 255, (2, 28, 28)).astype(np.uint8)
    expected = image.reshape(2, 14, 2, 14, 2).mean(axis=(2, 4))
    got = warp(image, 14, np.zeros((2, 2)), np.zeros(2))
    np.testing.assert_allclose(got, expected, atol=1e-3)


@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colour"])
def test_images_are_warped_alike_however_many_there_are(channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    n = 2 * augmentation._BLOCK + 3
    images = rng.integers(0, 255, (n, 12, 9, *channels)).astype(np.uint8)
    shift, angle = rng.uniform(-0.4, 0.4, (n, 2)), rng.uniform(-2, 2, n)
    together = warp(images, 6, shift, angle)
    for i in (0, augmentation._BLOCK - 1, augmentation._BLOCK, n - 1):
        alone = warp(images[i : i + 1], 6, shift[i : i + 1], angle[i : i + 1])
        np.testing.assert_array_equal(together[i], alone[0])

"""Resizing against a brute-force area average and against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from metaplastic.data import resizing
from metaplastic.data.resizing import axis_weights, resize_images
from metaplastic.errors import DataError


def _area_average(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Repeat every pixel until both sizes divide, then average blocks: exact, and slow."""
    large = image.astype(np.float64).repeat(height, 0).repeat(width, 1)
    blocks = large.reshape(height, image.shape[0], width, image.shape[1])
    return blocks.mean((1, 3))


@pytest.mark.parametrize(("old", "new"), [(28, 14), (28, 16), (64, 16), (105, 28), (9, 7), (5, 1)])
def test_shrinking_averages_areas(old: int, new: int) -> None:
    images = np.random.default_rng(old).integers(0, 256, (3, old, old), dtype=np.uint8)
    result = resize_images(images.astype(np.float32), (new, new))
    for image, small in zip(images, result, strict=True):
        np.testing.assert_allclose(small, _area_average(image, new, new), atol=1e-3)
    rounded = resize_images(images, (new, new))
    assert rounded.dtype == np.uint8
    assert np.abs(rounded.astype(float) - result).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("shape", [(2, 50, 40), (1, 50, 40, 3)])
@pytest.mark.parametrize("size", [(7, 9), (70, 90), (7, 90)])
def test_parts_of_a_huge_image_agree_with_the_whole(
    shape: tuple[int, ...], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    whole = resize_images(images, size)
    monkeypatch.setattr(resizing, "_BLOCK", 500)
    np.testing.assert_allclose(resize_images(images, size), whole, atol=1e-5)


@pytest.mark.parametrize(("old", "new"), [(8, 14), (8, 28), (28, 32), (1, 5), (2, 3)])
def test_growing_is_pillows_bilinear(old: int, new: int) -> None:
    images = np.random.default_rng(new).integers(0, 256, (3, old, old), dtype=np.uint8)
    result = resize_images(images, (new, new))
    for image, large in zip(images, result, strict=True):
        theirs = Image.fromarray(image).resize((new, new), Image.Resampling.BILINEAR)
        assert np.abs(large.astype(int) - np.asarray(theirs).astype(int)).max() <= 1


def test_colour_channels_are_resized_one_by_one() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 20, 3), dtype=np.uint8)
    result = resize_images(images, (16, 25))
    assert result.shape == (4, 16, 25, 3)
    for channel in range(3):
        alone = resize_images(images[..., channel], (16, 25))
        difference = result[..., channel].astype(int) - alone.astype(int)
        assert np.abs(difference).max() <= 1  # a tie may be rounded either way


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_weights_average(old: int, new: int) -> None:
    weights = axis_weights(old, new)
    assert weights.shape == (new, old)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    if new <= old:  # every old pixel has the same total weight
        np.testing.assert_allclose(weights.sum(0), new / old, rtol=1e-4)
    np.testing.assert_allclose(weights[::-1, ::-1], weights, atol=1e-6)  # mirror images


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.uint8, (2, 6, 5)),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_range_is_kept(images: np.ndarray, height: int, width: int) -> None:
    result = resize_images(images, (height, width))
    assert result.min() >= images.min()
    assert result.max() <= images.max()


def test_resizing_to_the_same_size_returns_the_same_array() -> None:
    images = np.zeros((2, 8, 8), np.uint8)
    assert resize_images(images, (8, 8)) is images


@pytest.mark.parametrize("size", [(0, 4), (4, 5000)])
def test_invalid_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="1 to 1024"):
        resize_images(np.zeros((1, 4, 4), np.uint8), size)

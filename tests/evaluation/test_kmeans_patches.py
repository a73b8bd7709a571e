"""Baseline `kmeans-patches`: pooling over quadrants."""

from __future__ import annotations

import numpy as np
import pytest

from metaplastic.errors import DataError
from metaplastic.evaluation.baselines import Unlabelled, make_baseline
from metaplastic.evaluation.trials import make_trials


def test_a_patch_is_read_in_its_own_quadrant() -> None:
    """Images with one bright square, whose position alone distinguishes the quadrants."""
    rng = np.random.default_rng(0)
    corners = np.array([[0, 0], [0, 8], [8, 0], [8, 8]])[np.arange(200) % 4]
    images = 0.05 * rng.standard_normal((200, 12, 12)).astype(np.float32)
    for image, (row, column) in zip(images, corners, strict=True):
        image[row : row + 4, column : column + 4] += 1.0
    rows = images.reshape(200, -1)
    data = Unlabelled(rows, (), 16, "relu", shape=(12, 12))
    settings = {"side": 3, "whiten": None, "contrast": False, "patches": 1000}
    (encoder,) = make_baseline("kmeans-patches", **settings).fit(data, make_trials([0], 144))
    features = np.asarray(encoder(rows)).reshape(200, 4, 4)  # quadrant, centroid
    # the quadrant of the square differs most from the mean of the four
    apart = np.square(features - features.mean(axis=1, keepdims=True)).sum(axis=2)
    assert np.mean(np.argmax(apart, axis=1) == np.arange(200) % 4) > 0.95
    np.testing.assert_allclose(encoder(rows[:3]), encoder(rows)[:3], rtol=1e-5)


def test_data_other_than_images_are_refused() -> None:
    data = Unlabelled(np.zeros((9, 20), np.float32), (), 8, "relu", shape=(20,))
    with pytest.raises(DataError, match="examples have shape"):
        make_baseline("kmeans-patches").fit(data, make_trials([0], 20))

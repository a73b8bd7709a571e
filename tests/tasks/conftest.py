"""Sources shared by the tests of tasks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from metaplastic.tasks import DatasetSource


@pytest.fixture(scope="module")
def blobs() -> DatasetSource:
    """Twelve classes of 30 smooth grey 20x20 images."""
    rng = np.random.default_rng(0)
    images = ndimage.gaussian_filter(rng.random((360, 20, 20)), (0, 3, 3))
    images = ((images - images.min()) / np.ptp(images) * 255).astype(np.uint8)
    return DatasetSource("blobs", images, tuple(np.arange(30 * c, 30 * c + 30) for c in range(12)))

"""Properties of every named data set, built in or present among the published files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import issparse

from metaplastic.data import Dataset, load, named_sources, resize, standardise
from metaplastic.data.contact_sheet import contact_sheet
from metaplastic.data.dataset import PORTIONS
from metaplastic.errors import DataError

_NAMES = [source.name for source in named_sources()]


@pytest.fixture(scope="module", params=_NAMES)
def dataset(
    request: pytest.FixtureRequest, shared_cache: Path, published_data: Path | None
) -> Dataset:
    source = next(source for source in named_sources() if source.name == request.param)
    before = os.environ.get("METAPLASTIC_CACHE")
    os.environ["METAPLASTIC_CACHE"] = str(shared_cache)
    try:
        # ImageNet is kept small to save memory.
        address = "imagenet@16" if source.name == "imagenet" else source.name
        return load(address, data_dir=published_data)
    except DataError as error:
        if source.files:
            pytest.skip(f"its published files are not here: {error}")
        raise
    finally:
        if before is None:
            del os.environ["METAPLASTIC_CACHE"]
        else:
            os.environ["METAPLASTIC_CACHE"] = before


@pytest.mark.slow
def test_types_and_shapes(dataset: Dataset) -> None:
    assert set(dataset.splits) == {"train", "test"}
    for split in dataset.splits.values():
        assert len(split) > 0
        assert split.labels.dtype == np.int32
        assert split.inputs.shape == (len(split), *dataset.shape)
        if dataset.card.kind == "image":
            assert split.inputs.dtype == np.uint8
            assert len(dataset.shape) in (2, 3)
        else:
            assert split.inputs.dtype == np.float32
            assert len(dataset.shape) == 1
        assert issparse(split.inputs) == (dataset.card.kind == "text")
        if split.groups is not None:
            assert split.groups.dtype == np.int32
            assert 0 <= split.groups.min() <= split.groups.max() < len(dataset.group_names)
    everything = np.concatenate([split.labels for split in dataset.splits.values()])
    assert set(everything) == set(range(len(dataset.class_names)))


def test_portions_follow_the_role(dataset: Dataset) -> None:
    if dataset.card.role == "held-out":
        for name in PORTIONS:
            with pytest.raises(DataError, match="is held out"):
                dataset.portion(name)
        return
    assert {"meta-train", "meta-validation"} <= set(dataset.portions)
    parts = {name: dataset.portion(name) for name in dataset.portions}
    assert len(parts["meta-train"]) > len(parts["meta-validation"]) > 0
    seen: set[bytes] = set()
    classes: set[int] = set()
    for name in PORTIONS[:2]:
        images = {image.tobytes() for image in np.asarray(parts[name].inputs)}
        # A few drawings may agree by chance, for instance two short strokes in Omniglot.
        assert len(seen & images) <= 0.01 * len(images)
        seen |= images
        if dataset.card.name != "cifar10":
            assert not classes & set(parts[name].labels)
            classes |= set(parts[name].labels)


def test_loading_is_deterministic(dataset: Dataset, published_data: Path | None) -> None:
    address = "imagenet@16" if dataset.card.name == "imagenet" else dataset.card.name
    again = load(address, data_dir=published_data)
    assert again.class_names == dataset.class_names
    for name, split in dataset.splits.items():
        different = again.splits[name].inputs != split.inputs
        assert (different.nnz if issparse(different) else np.count_nonzero(different)) == 0
        np.testing.assert_array_equal(again.splits[name].labels, split.labels)


def test_views_and_contact_sheet(dataset: Dataset) -> None:
    if dataset.card.kind == "image":
        assert resize(dataset, 7).train.inputs.shape[1:3] == (7, 7)
    if dataset.train.inputs.shape[0] * np.prod(dataset.shape) < 2e7:
        assert abs(float(standardise(dataset).train.inputs.mean())) < 1e-2
    sheet = contact_sheet(dataset)
    assert sheet.dtype == np.uint8
    assert sheet.std() > 5  # not blank

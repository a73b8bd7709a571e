"""What every data set, before it is loaded, and every generator of tasks passes.

Data sets are loaded, one by one, in `data/test_registry_entries.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

from metaplastic.data import SOURCES
from metaplastic.data.source import Source as DataSource
from metaplastic.tasks import (
    GENERATORS,
    Architecture,
    Source,
    TaskConfig,
    fitting,
    load_sources,
    sample_task,
)


@pytest.mark.parametrize("name", SOURCES)
def test_a_data_set_says_where_it_comes_from(name: str) -> None:
    source = SOURCES[name]
    assert isinstance(source, DataSource)
    for field in ("title", "origin", "licence", "citation", "summary"):
        if field != "summary" or source.is_scheme:
            assert getattr(source.card, field)
    if source.is_scheme:
        assert source.example.startswith(f"{name}:")
        assert source.card.role == "user"
    for remote in source.files:
        algorithm, _, digest = remote.checksum.partition(":")
        assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]
        assert all(url.endswith(f"/{remote.name}") for url in remote.urls)


IMAGES = [Architecture(14, channels, (64,), 32) for channels in (1, 3)]


COLUMNS = Architecture(0, 0, (64,), 32, columns=48)


def architectures_for(source: Source) -> list[Architecture]:
    """Those among images and rows that the source can draw tasks for."""
    found = [a for a in (*IMAGES, COLUMNS) if fitting([source], a, 10)]
    assert found
    return found


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generators_tasks_have_the_shapes_they_say(name: str) -> None:
    (source,) = load_sources([name], "meta-train", n_classes=10)
    assert isinstance(source, Source)
    for architecture in architectures_for(source):
        task = sample_task([source], TaskConfig(), architecture, [1])
        assert task.inputs.shape == (10, 60, architecture.n_inputs)
        assert task.targets.shape == (10, 60, 14)
        assert np.isfinite(task.inputs).all()
        assert abs(task.inputs.mean()) < 2e-3
        amounts = task.targets.reshape(600, -1)[:, 10:]
        if architecture in IMAGES:
            assert task.inputs.std() == pytest.approx(1.0, abs=0.02)
            assert amounts.std(0) == pytest.approx(np.full(4, 0.1 / 2), rel=0.15)
        else:  # constant columns fill up rows that have fewer
            assert 0.05 < task.inputs.std() < 1.2


@pytest.mark.parametrize("name", GENERATORS)
def test_the_seed_decides_all_of_a_generators_task(name: str) -> None:
    sources = load_sources([name], "meta-train", n_classes=10)
    architecture = architectures_for(sources[0])[0]
    one, same, other = (
        sample_task(sources, TaskConfig(), architecture, seed) for seed in ([7, 1], [7, 1], [7, 2])
    )
    np.testing.assert_array_equal(one.inputs, same.inputs)
    assert not np.array_equal(one.inputs, other.inputs)

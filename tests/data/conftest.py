"""Fixtures for the tests of `metaplastic.data`: a separate cache, and the real data if present."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

_REAL = Path(
    os.environ.get("METAPLASTIC_TEST_DATA")
    or Path(__file__).resolve().parents[2].parent / "shared" / "data"
)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the user's cache and data untouched; share the drawn glyphs."""
    monkeypatch.setenv("METAPLASTIC_CACHE", str(shared_cache))
    monkeypatch.delenv("METAPLASTIC_DATA", raising=False)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory for one test."""
    path = tmp_path / "own-cache"
    monkeypatch.setenv("METAPLASTIC_CACHE", str(path))
    return path


@pytest.fixture
def real_data() -> Path:
    if not _REAL.is_dir():
        pytest.skip(f"the published data sets are not at {_REAL}; set METAPLASTIC_TEST_DATA")
    return _REAL


@pytest.fixture(scope="session")
def published_data() -> Path | None:
    """Return the directory of the published data sets, or None if there is none."""
    return _REAL if _REAL.is_dir() else None


@pytest.fixture
def no_hang() -> Iterator[None]:
    """Turn an endless loop into a failure."""

    def stop(signum: int, frame: object) -> None:
        raise RuntimeError("hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)

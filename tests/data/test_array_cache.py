"""The cache of parsed arrays: used if intact and current, otherwise rebuilt."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from published import write_mnist
from scipy.sparse import random as random_sparse

from metaplastic.data import load
from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.dataset import Split
from metaplastic.errors import DataError


def _parsed(seed: int = 0) -> Parsed:
    rng = np.random.default_rng(seed)
    dense = Split(
        rng.integers(0, 256, (6, 4, 4), dtype=np.uint8),
        np.arange(6, dtype=np.int32) % 2,
        np.arange(6, dtype=np.int32),
    )
    sparse = Split(
        random_sparse(5, 9, 0.3, "csr", np.float32, random_state=seed), np.zeros(5, np.int32)
    )
    return Parsed({"train": dense, "test": sparse}, ("a", "β"), ("x",), ("a note",))


def _same(one: Parsed, other: Parsed) -> None:
    assert (one.class_names, one.group_names, one.notes) == (
        other.class_names,
        other.group_names,
        other.notes,
    )
    assert list(one.splits) == list(other.splits)
    np.testing.assert_array_equal(one.splits["train"].inputs, other.splits["train"].inputs)
    np.testing.assert_array_equal(one.splits["train"].groups, other.splits["train"].groups)
    np.testing.assert_array_equal(
        one.splits["test"].inputs.toarray(), other.splits["test"].inputs.toarray()
    )
    for name in one.splits:
        np.testing.assert_array_equal(one.splits[name].labels, other.splits[name].labels)


class _Builder:
    def __init__(self, seed: int = 0) -> None:
        self.calls, self.seed = 0, seed

    def __call__(self) -> Parsed:
        self.calls += 1
        return _parsed(self.seed)


def _file(cache: Path) -> Path:
    (path,) = (cache / "parsed").iterdir()
    return path


def test_nothing_is_built_the_second_time(cache: Path) -> None:
    build = _Builder()
    first, second = (cached("x", make_key([1]), build) for _ in range(2))
    assert build.calls == 1
    _same(first, second)


def test_another_source_is_built(cache: Path) -> None:
    build = _Builder()
    cached("x", make_key([1]), build)
    cached("x", make_key([2]), build)
    cached("y", make_key([1]), build)
    assert build.calls == 3


@pytest.mark.parametrize("where", [0.0, 0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_flipped_bit_is_never_trusted(cache: Path, where: float) -> None:
    cached("x", make_key([1]), _Builder())
    path = _file(cache)
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 4
    path.write_bytes(data)
    build = _Builder()
    _same(cached("x", make_key([1]), build), _parsed())
    assert build.calls == 1
    _same(cached("x", make_key([1]), build), _parsed())
    assert build.calls == 1  # and the entry was repaired


@pytest.mark.parametrize("data", [b"", b"\0" * 40, b"\xff" * 200, b"{}"])
def test_garbage_is_never_trusted(cache: Path, data: bytes) -> None:
    cached("x", make_key([1]), _Builder())
    _file(cache).write_bytes(data)
    build = _Builder(3)
    _same(cached("x", make_key([1]), build), _parsed(3))
    assert build.calls == 1


def test_every_truncation_is_noticed(cache: Path) -> None:
    cached("x", make_key([1]), _Builder())
    path = _file(cache)
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        build = _Builder()
        cached("x", make_key([1]), build)
        assert build.calls == 1


def test_an_entry_moved_to_another_key_is_not_used(cache: Path) -> None:
    cached("x", make_key([1]), _Builder())
    path = _file(cache)
    path.rename(path.with_name(f"x-{make_key([2])[:24]}.safetensors"))
    build = _Builder(5)
    _same(cached("x", make_key([2]), build), _parsed(5))
    assert build.calls == 1


def test_an_error_leaves_nothing_behind(cache: Path) -> None:
    def fail() -> Parsed:
        raise DataError("no")

    with pytest.raises(DataError):
        cached("x", make_key([1]), fail)
    assert not list(cache.rglob("*.safetensors*"))


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("METAPLASTIC_CACHE", str(blocked))
    build = _Builder()
    _same(cached("x", make_key([1]), build), _parsed())
    _same(cached("x", make_key([1]), build), _parsed())
    assert build.calls == 2


def test_a_changed_source_is_read_again(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mnist"
    first = write_mnist(folder, seed=1)
    np.testing.assert_array_equal(
        load("mnist", data_dir=tmp_path / "data").train.inputs, first["train"][0]
    )
    second = write_mnist(folder, seed=2)
    np.testing.assert_array_equal(
        load("mnist", data_dir=tmp_path / "data").train.inputs, second["train"][0]
    )


def test_a_damaged_source_leaves_no_cache(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mnist"
    write_mnist(folder)
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="t10k-images"):
        load("mnist", data_dir=tmp_path / "data")
    assert not list(cache.rglob("*.safetensors*"))


def test_a_disk_that_fills_up_costs_only_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("METAPLASTIC_CACHE", str(tmp_path))
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, bounds[1]))
    try:
        _same(cached("full", make_key(["full"]), _parsed), _parsed())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]

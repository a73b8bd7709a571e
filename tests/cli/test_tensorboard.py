"""Metrics as TensorBoard events, read back record by record."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from metaplastic.cli.tensorboard import TensorBoardReporter
from metaplastic.errors import MissingExtraError


def _scalars(folder: Path) -> list[tuple[str, int, float]]:
    """The events of a folder: each record is a length, a checksum, an event, a checksum."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    (file,) = folder.glob("events.*")
    data, at, records = file.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        event = event_pb2.Event.FromString(data[at + 12 : at + 12 + length])
        records += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
        at += 16 + length
    return records


def test_every_number_of_a_meta_step_is_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    reporter = TensorBoardReporter(tmp_path)
    reporter.step({"meta_step": 7, "loss": 0.5, "validation_accuracy": {"0": 0.25, "60": 0.75}}, 9)
    reporter.close()
    assert set(_scalars(tmp_path)) == {
        ("loss", 7, 0.5),
        ("validation_accuracy/0", 7, 0.25),
        ("validation_accuracy/60", 7, 0.75),
    }


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match="tensorboard"):
        TensorBoardReporter(tmp_path)

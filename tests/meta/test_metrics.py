"""metrics.jsonl after a kill or a flipped bit: invalid lines are skipped and counted."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from metaplastic.errors import RunError
from metaplastic.meta.run.metrics import NAME, append_metrics, read_metrics, write_metrics


def _line(meta_step: int) -> dict:
    line = {"meta_step": meta_step, "loss": 0.5, "seconds": 1.25, "dropped": 0, "begun": 2}
    if meta_step % 3 == 0:
        line |= {"validation_accuracy": {"0": 0.25, "10": float("nan")}}
    return line


def _read(run: Path) -> tuple[list[int], list[str]]:
    warnings: list[str] = []
    return [line["meta_step"] for line in read_metrics(run, warnings.append)], warnings


def test_lines_are_appended_and_read(tmp_path: Path) -> None:
    assert _read(tmp_path) == ([], [])
    for meta_step in (1, 2, 3):
        append_metrics(tmp_path, _line(meta_step))
    assert _read(tmp_path) == ([1, 2, 3], [])
    write_metrics(tmp_path, [_line(1)])
    assert _read(tmp_path) == ([1], [])
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    with pytest.raises(RunError):
        append_metrics(tmp_path, _line(1))
    with pytest.raises(RunError):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    "damaged",
    [
        '{"meta_step": 5, "lo',
        "{}",
        "[]",
        "7",
        "null",
        json.dumps(_line(5) | {"meta_step": "5"}),
        json.dumps(_line(5) | {"meta_step": True}),
        json.dumps(_line(5) | {"meta_step": 0}),
        json.dumps(_line(5) | {"loss": None}),
        json.dumps(_line(5) | {"loss": [1]}),
        json.dumps(_line(5) | {"dropped": 0.5}),
        json.dumps(_line(5) | {"seconds": {}}),
        json.dumps(_line(5) | {"seconds": float("inf")}),
        json.dumps(_line(5) | {"seconds": float("nan")}),
        json.dumps(_line(5) | {"validation_accuracy": [0.5]}),
        json.dumps(_line(5) | {"validation_accuracy": {"0": "x"}}),
        json.dumps(_line(5)).replace("loss", "lors"),
        json.dumps(_line(5)).replace("0.5", "9" * 5000),
        "[" * 100_000,
        '{"a":' * 50_000,
        "\ufffd\0",
    ],
)
def test_a_damaged_line_is_skipped_and_counted(damaged: str, tmp_path: Path) -> None:
    texts = [json.dumps(_line(n)) for n in (1, 2, 3, 4, 6, 7)]
    (tmp_path / NAME).write_text("\n".join([*texts[:4], damaged, *texts[4:]]) + "\n")
    assert _read(tmp_path) == (
        [1, 2, 3, 4, 6, 7],
        [f"{tmp_path / NAME}: 1 line cut off or damaged, skipped"],
    )


@pytest.mark.parametrize("at", [1, 4, 5])
@pytest.mark.parametrize("number", [1, 2, 1000])
def test_a_meta_step_out_of_order_costs_only_its_line(at: int, number: int, tmp_path: Path) -> None:
    numbers = [1, 2, 3, 4, 5, 6, 7]
    damaged = [number if n == at else n for n in numbers]
    write_metrics(tmp_path, [_line(n) for n in damaged])
    read, warnings = _read(tmp_path)
    assert len(read) == 7 - bool(warnings)
    assert [n for n in read if n != number] == [n for n in numbers if n not in (at, number)]


def test_reading_survives_any_flipped_bits(tmp_path: Path) -> None:
    write_metrics(tmp_path, [_line(n) for n in range(1, 9)])
    whole, draw = (tmp_path / NAME).read_bytes(), random.Random(0)
    for _ in range(1000):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 1, 1, 20))):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        (tmp_path / NAME).write_bytes(damaged[: draw.choice((None, None, draw.randrange(900)))])
        read, warnings = _read(tmp_path)
        assert len(read) <= 8 + damaged.count(b"\n")
        assert read == sorted(set(read))
        assert len(warnings) <= 1

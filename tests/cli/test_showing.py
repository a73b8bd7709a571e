"""Rates and times left, with a clock that the test sets."""

from __future__ import annotations

import pytest

from metaplastic.cli import showing


def test_the_rate_begins_anew_with_each_piece_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 1000.0, 1005.0, 1006.0])
    monkeypatch.setattr(showing.time, "monotonic", lambda: next(clock))
    meter = showing._Meter()
    told = [
        meter.line(label, done, 300, "steps")
        for label, done in [("a", 10), ("a", 110), ("a", 10), ("a", 60), ("b", 60)]
    ]
    assert told == [
        "a: 10 of 300 steps",
        "a: 110 of 300 steps, 10/s, 19 s left",
        "a: 10 of 300 steps",
        "a: 60 of 300 steps, 10/s, 24 s left",
        "b: 60 of 300 steps",
    ]

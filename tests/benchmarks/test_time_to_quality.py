"""The figure of benchmarks.time_to_quality, by hand."""

import math

from benchmarks.time_to_quality import curve, time_to


def test_the_time_is_interpolated_between_validations():
    points = [(1.0, 0.8), (2.0, 0.6), (4.0, 0.2)]
    assert time_to(0.4, points) == 3.0
    assert time_to(0.6, points) == 2.0
    assert time_to(0.9, points) == 1.0


def test_a_run_that_never_gets_there_counts_as_infinite():
    assert time_to(0.1, [(1.0, 0.8), (2.0, 0.6)]) == math.inf
    assert time_to(0.1, []) == math.inf


def test_the_first_time_counts_even_if_the_loss_rises_again():
    assert time_to(0.5, [(1.0, 0.6), (2.0, 0.4), (3.0, 0.6), (4.0, 0.4)]) == 1.5


def test_the_loss_is_that_after_the_most_inner_steps():
    lines = [
        {"meta_step": 1, "seconds": 30.0},
        {"meta_step": 2, "seconds": 60.0, "validation_loss": {"0": 0.9, "60": 0.5, "100": 0.4}},
    ]
    assert curve(lines) == [(1.0, 0.4)]

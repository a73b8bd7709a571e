"""Groups: all tasks, later ones too, have the layers and activation of their architecture."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from metaplastic.base_model import features
from metaplastic.meta.group import GroupState, TaskStream, begin_group, draw_next, renew
from metaplastic.rules import make_rule
from metaplastic.tasks import Architecture, TaskConfig, load_sources

TASKS = TaskConfig(n_classes=3, examples_per_class=12, labels_per_class=4)


def test_tasks_have_the_activation_of_their_architecture() -> None:
    rule = make_rule("hebbian", jax.random.key(0))
    sources = load_sources(["glyphs"], "meta-train", n_classes=3)
    stream = TaskStream(sources, TASKS, Architecture(6, 1, (5,), 4, "sin"), (3, 3), seed=1, group=0)
    group = begin_group(rule, stream, [0, 0])
    for state in (group, renew(rule, group, stream, [1])):
        assert state.phi.activation == "sin"
        out = jax.vmap(features)(state.phi, state.pool.inputs[:, 0])
        assert out.shape == (2, 12, 4)
        assert float(np.min(out)) < 0.0 <= float(np.max(np.abs(out))) <= 1.0


def test_all_next_tasks_at_once_are_those_one_at_a_time() -> None:
    rule = make_rule("local", jax.random.key(0))
    sources = load_sources(["glyphs", "shapes", "topics"], "meta-train", n_classes=3)
    architecture = Architecture(6, 1, (5,), 4)
    streams = [TaskStream(sources, TASKS, architecture, (3, 5), seed=1, group=g) for g in (0, 1)]
    group = begin_group(rule, streams[1], [0, 4, 2], first_slot=2)
    one_at_a_time = group
    for index in range(3):
        one_at_a_time = renew(rule, one_at_a_time, streams[1], [index], first_slot=2)
    at_once = renew(rule, group, streams[1], range(3), first_slot=2)
    _, drawn = draw_next(streams, [[0], [0, 4, 2]], first_slot=2)()
    ahead = renew(rule, group, streams[1], range(3), first_slot=2, tasks=drawn)
    expected = _raw(one_at_a_time)
    for other in (at_once, ahead):
        for a, b in zip(expected, _raw(other), strict=True):
            np.testing.assert_array_equal(a, b)


def _raw(group: GroupState) -> list[Any]:
    """Return the arrays of a group, with its keys as numbers."""
    return jax.tree.leaves([vars(group) | {"keys": jax.random.key_data(group.keys)}])

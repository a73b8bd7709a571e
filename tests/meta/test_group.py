"""Groups: all tasks, later ones too, have the layers and activation of their architecture."""

from __future__ import annotations

import jax
import numpy as np

from metaplastic.base_model import features
from metaplastic.meta.group import TaskStream, begin_group, renew
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

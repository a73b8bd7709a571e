"""Few-shot accuracy on tasks whose classes (and fonts, alphabets) are not meta-trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from metaplastic.meta.group import GroupState, Pool, TaskStream, begin_group
from metaplastic.meta.reading import read_pool
from metaplastic.meta.unroll import UnrollConfig, draw_labelled, unroll
from metaplastic.objectives import Objective
from metaplastic.objectives.ridge import ridge_readout
from metaplastic.rules import Rule

DRAWS = 4
PENALTY = 1.0


class Score(NamedTuple):
    """Few-shot accuracy and the meta-objective, of one task or each of many."""

    accuracy: Float[Array, ""]
    loss: Float[Array, ""]


@eqx.filter_jit
def _run(
    rule: Rule,
    group: GroupState,
    n_steps: Int[Array, ""],
    max_steps: int,
    config: UnrollConfig,
    per_class: int,
    objective: Objective,
) -> tuple[GroupState, Score]:
    def one(phi, rule_state, age, pool: Pool, key):
        end = unroll(
            rule,
            phi,
            rule_state,
            age,
            pool,
            key,
            n_steps,
            max_steps=max_steps,
            config=config,
            per_class=per_class,
            objective=objective,
            read=False,
        )
        n_classes = pool.inputs.shape[0]
        read = read_pool(end.phi, pool, objective.layers)

        def judge(key):
            fit, test = draw_labelled(read, per_class, key)
            v, bias = ridge_readout(fit.inputs, fit.targets[:, :n_classes], PENALTY)
            guess = jnp.argmax(test.inputs @ v + bias[None], axis=1)
            truth = jnp.argmax(test.targets[:, :n_classes], axis=1)
            loss = objective(fit.inputs, fit.targets, test.inputs, test.targets, n_classes)
            return Score(jnp.mean(guess == truth), loss)

        draws = jax.random.split(jax.random.fold_in(key, 0), DRAWS)
        score = jax.tree.map(jnp.mean, jax.vmap(judge)(draws))
        return end.phi, end.rule_state, end.age, score

    phi, rule_state, age, score = jax.vmap(one)(
        group.phi, group.rule_state, group.age, group.pool, group.keys
    )
    return group.moved(phi, rule_state, age), score


class Validator:
    """The same tasks each time: from a random φ along the unroll, accuracy at chosen ages."""

    def __init__(
        self,
        streams: Sequence[TaskStream],
        n_tasks: int,
        *,
        ages: Sequence[int],
        config: UnrollConfig,
        objective: Objective,
    ) -> None:
        """`ages` (inner steps) ascend; each group's `n_tasks` tasks are read at every age."""
        self._streams = tuple(streams)
        self._n_tasks = n_tasks
        self.ages = tuple(ages)
        self._config = config
        self._objective = objective

    def __call__(self, rule: Rule) -> dict[int, Score]:
        """The scores of all tasks, groups one after another, as NumPy arrays by age."""
        found: dict[int, list[Score]] = {age: [] for age in self.ages}
        longest = max(b - a for a, b in zip((0, *self.ages), self.ages, strict=False))
        for stream in self._streams:
            group = begin_group(rule, stream, [0] * self._n_tasks)
            reached = 0
            for age in self.ages:
                group, score = _run(
                    rule,
                    group,
                    jnp.array(age - reached),
                    longest,
                    self._config,
                    stream.config.labels_per_class,
                    self._objective,
                )
                found[age].append(jax.device_get(score))
                reached = age
        return {
            age: jax.tree.map(lambda *parts: np.concatenate(parts), *scores)
            for age, scores in found.items()
        }

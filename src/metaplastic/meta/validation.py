"""Few-shot accuracy on tasks whose classes (and fonts, alphabets) are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from metaplastic.meta.group import GroupState, Pool, TaskStream, begin_group
from metaplastic.meta.reading import read_pool
from metaplastic.meta.unroll import UnrollConfig, draw_labelled, unroll
from metaplastic.objectives import Objective
from metaplastic.objectives.ridge import ridge_readout
from metaplastic.rules import Rule

DRAWS = 4  # labelled batches drawn from each task
PENALTY = 1.0  # of the ridge readout


class Score(NamedTuple):
    """Few-shot accuracy and meta-objective of one task, or of several tasks."""

    accuracy: Float[Array | np.ndarray, "*tasks"]
    loss: Float[Array | np.ndarray, "*tasks"]


@eqx.filter_jit
def _run(
    rule: Rule,
    group: GroupState,
    n_steps: Int[Array, ""],
    max_steps: int,
    config: UnrollConfig,
    per_class: int,
    objective: Objective,
) -> tuple[GroupState, Pool]:
    """Advance the group by `n_steps`; return it with its pools, inputs replaced by features."""

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
        return end.phi, end.rule_state, end.age, read_pool(end.phi, pool, objective.layers)

    phi, rule_state, age, read = jax.vmap(one)(
        group.phi, group.rule_state, group.age, group.pool, group.keys
    )
    return group.moved(phi, rule_state, age), read


# The two scores are separate programs. Each solves many small systems at once, for which jaxlib on
# a CPU waits for its thread pool from inside that pool: two such solves at the same time, as in a
# single program, can deadlock.


@eqx.filter_jit
def _accuracy(read: Pool, keys: Key[Array, " tasks"], per_class: int) -> Float[Array, " tasks"]:
    def of_draw(fit: Pool, test: Pool, n_classes: int) -> Array:
        v, bias = ridge_readout(fit.inputs, fit.targets[:, :n_classes], PENALTY)
        predicted = jnp.argmax(test.inputs @ v + bias[None], axis=1)
        return jnp.mean(predicted == jnp.argmax(test.targets[:, :n_classes], axis=1))

    return _mean_over_draws(of_draw, read, keys, per_class)


@eqx.filter_jit
def _loss(
    read: Pool, keys: Key[Array, " tasks"], per_class: int, objective: Objective
) -> Float[Array, " tasks"]:
    def of_draw(fit: Pool, test: Pool, n_classes: int) -> Array:
        return objective(fit.inputs, fit.targets, test.inputs, test.targets, n_classes)

    return _mean_over_draws(of_draw, read, keys, per_class)


def _mean_over_draws(
    of_draw: Callable[[Pool, Pool, int], Array],
    read: Pool,
    keys: Key[Array, " tasks"],
    per_class: int,
) -> Float[Array, " tasks"]:
    """Average a score over several draws of labelled batches from each task's features."""

    def of_task(pool: Pool, key: PRNGKeyArray) -> Array:
        def one(key: PRNGKeyArray) -> Array:
            return of_draw(*draw_labelled(pool, per_class, key), pool.inputs.shape[0])

        return jnp.mean(jax.vmap(one)(jax.random.split(jax.random.fold_in(key, 0), DRAWS)))

    return jax.vmap(of_task)(read, keys)


class Validator:
    """Evaluates a rule at chosen ages on the same tasks each time, each from a random φ."""

    def __init__(
        self,
        streams: Sequence[TaskStream],
        n_tasks: int,
        *,
        ages: Sequence[int],
        config: UnrollConfig,
        objective: Objective,
    ) -> None:
        """`ages` are ascending numbers of inner steps; each group has `n_tasks` tasks."""
        self._streams = tuple(streams)
        self._n_tasks = n_tasks
        self.ages = tuple(ages)
        self._config = config
        self._objective = objective

    def __call__(self, rule: Rule) -> dict[int, Score]:
        """Return the scores of all tasks, group by group, as NumPy arrays by age."""
        scores_by_age: dict[int, list[Score]] = {age: [] for age in self.ages}
        longest = max(b - a for a, b in zip((0, *self.ages), self.ages, strict=False))
        for stream in self._streams:
            group = begin_group(rule, stream, [0] * self._n_tasks)
            reached = 0
            for age in self.ages:
                per_class = stream.config.labels_per_class
                group, read = _run(
                    rule,
                    group,
                    jnp.array(age - reached),
                    longest,
                    self._config,
                    per_class,
                    self._objective,
                )
                accuracy = _accuracy(read, group.keys, per_class)
                loss = _loss(read, group.keys, per_class, self._objective)
                scores_by_age[age].append(jax.device_get(Score(accuracy, loss)))
                reached = age
        return {
            age: jax.tree.map(lambda *parts: np.concatenate(parts), *scores)
            for age, scores in scores_by_age.items()
        }

"""A group: tasks of one architecture at different ages, advanced together in one program."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from metaplastic import inner_loop
from metaplastic.base_model import Phi
from metaplastic.rules import Rule, RuleState
from metaplastic.tasks import Architecture, Source, TaskConfig, sample_task


class Pool(eqx.Module):
    """Examples of one task, resident on the device: of every class, or those of a labelled batch;
    of many tasks with a leading axis.

    Of every class the last `apart` are for the meta-objective alone; where that is 0, inner loop
    and meta-objective draw from all.
    """

    inputs: Float[Array, "*classes examples inputs"]
    targets: Float[Array, "*classes examples targets"]
    apart: int = eqx.field(static=True, default=0)


class GroupState(eqx.Module):
    """Everything a group of T tasks carries from one truncation to the next.

    All arrays lead with T, but where one task is mapped over. `age` counts the inner steps of each
    task so far, `serial` the tasks that each slot has begun; with the run's seed, the group's
    number and the slot's it determines the task, so that pools need not be stored.
    """

    phi: Phi
    rule_state: RuleState
    age: Int[Array, "*tasks"]
    pool: Pool
    keys: Key[Array, "*tasks"]
    horizon: Int[Array, "*tasks"]
    serial: Int[Array, "*tasks"]

    @property
    def n_tasks(self) -> int:
        """T."""
        return self.horizon.shape[0]

    def moved(self, phi: Phi, rule_state: RuleState, age: Int[Array, "*tasks"]) -> GroupState:
        """The same tasks further on."""
        return dataclasses.replace(self, phi=phi, rule_state=rule_state, age=age)


class TaskStream:
    """The endless, seeded sequence of tasks of one group's slots, made on the host."""

    def __init__(
        self,
        sources: Sequence[Source],
        config: TaskConfig,
        architecture: Architecture,
        horizon: tuple[int, int],
        *,
        seed: int,
        group: int,
    ) -> None:
        """`sources` must all fit the architecture."""
        self._sources = sources
        self.config = config
        self.architecture = architecture
        self._horizon = horizon
        self._seed, self._group = seed, group

    def _entropy(self, slot: int, serial: int) -> list[int]:
        return [self._seed, self._group, slot, serial]

    def horizon(self, slot: int, serial: int) -> int:
        """Total inner steps of a task. The first task of a slot may be cut short, so that the
        ages of the slots drift apart from the start."""
        rng = np.random.default_rng(np.random.SeedSequence([*self._entropy(slot, serial), 1]))
        low, high = self._horizon
        drawn = int(rng.integers(low, high + 1))
        return max(1, int(drawn * rng.uniform(0.1, 1.0))) if serial == 0 else drawn

    def key(self, slot: int, serial: int) -> PRNGKeyArray:
        """The key of a task: its φ at the start, and its minibatches."""
        key = jax.random.key(self._seed)
        for number in (self._group, slot, serial):
            key = jax.random.fold_in(key, number)
        return key

    def pool(self, slot: int, serial: int) -> Pool:
        """The task's examples."""
        task = sample_task(
            self._sources, self.config, self.architecture, [*self._entropy(slot, serial), 2]
        )
        return Pool(jnp.asarray(task.inputs), jnp.asarray(task.targets), self.config.labelled_apart)


def begin_task(rule: Rule, key: PRNGKeyArray, architecture: Architecture) -> tuple[Phi, RuleState]:
    """The φ a task starts from, and the rule's state."""
    key = jax.random.fold_in(key, 0)
    return inner_loop.begin(rule, key, architecture.model)


@eqx.filter_jit
def _begin(
    rule: Rule, keys: Key[Array, " tasks"], architecture: Architecture
) -> tuple[Phi, RuleState]:
    return jax.vmap(lambda key: begin_task(rule, key, architecture))(keys)


def begin_group(
    rule: Rule,
    stream: TaskStream,
    serials: Sequence[int],
    first_slot: int = 0,
) -> GroupState:
    """A group whose slots, from `first_slot` on, begin the tasks of those serial numbers."""
    slots = range(first_slot, first_slot + len(serials))
    keys = jnp.stack([stream.key(s, n) for s, n in zip(slots, serials, strict=True)])
    phi, rule_state = _begin(rule, keys, stream.architecture)
    pools = [stream.pool(s, n) for s, n in zip(slots, serials, strict=True)]
    return GroupState(
        phi=phi,
        rule_state=rule_state,
        age=jnp.zeros((len(serials),), jnp.int32),
        pool=jax.tree.map(lambda *leaves: jnp.stack(leaves), *pools),
        keys=keys,
        horizon=jnp.array(
            [stream.horizon(s, n) for s, n in zip(slots, serials, strict=True)], jnp.int32
        ),
        serial=jnp.array(serials, jnp.int32),
    )


@eqx.filter_jit
def _put(group: Any, slot: Int[Array, ""], new: Any) -> Any:
    return jax.tree.map(lambda whole, one: whole.at[slot].set(one), group, new)


def renew(
    rule: Rule,
    group: GroupState,
    stream: TaskStream,
    places: Sequence[int],
    first_slot: int = 0,
) -> GroupState:
    """The group with the next task started in each of those places; place 0 is `first_slot`."""
    serials = np.asarray(group.serial)
    for place in places:
        slot, serial = first_slot + place, int(serials[place]) + 1
        key = stream.key(slot, serial)
        phi, rule_state = jax.tree.map(
            lambda a: a[0],
            _begin(rule, key[None], stream.architecture),
        )
        new = GroupState(
            phi=phi,
            rule_state=rule_state,
            age=jnp.zeros((), jnp.int32),
            pool=stream.pool(slot, serial),
            keys=key,
            horizon=jnp.array(stream.horizon(slot, serial), jnp.int32),
            serial=jnp.array(serial, jnp.int32),
        )
        group = _put(group, jnp.array(place), new)
    return group

"""Groups: tasks of one architecture at different ages, advanced together in one program."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from metaplastic import inner_loop
from metaplastic.base_model import Phi
from metaplastic.rules import Rule, RuleState
from metaplastic.tasks import Architecture, Source, Task, TaskConfig, sample_task
from metaplastic.threads import usable_cores


class Pool(eqx.Module):
    """The examples of one task on the device, by class, or those of a labelled batch; the examples
    of several tasks have a leading axis.

    The last `apart` examples of every class are reserved for the meta-objective. If `apart` is 0,
    the inner loop and the meta-objective both draw from all examples.
    """

    inputs: Float[Array, "*classes examples inputs"]
    targets: Float[Array, "*classes examples targets"]
    apart: int = eqx.field(static=True, default=0)


class GroupState(eqx.Module):
    """Everything that a group of T tasks carries from one truncation to the next.

    All arrays have a leading axis T, except inside a map over the tasks. `age` counts the inner
    steps of each task so far, `serial` the tasks that each slot has started. The run's seed, the
    group's number, the slot's number and `serial` determine the task, so pools need not be stored.
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
        """T, the number of tasks."""
        return self.horizon.shape[0]

    def moved(self, phi: Phi, rule_state: RuleState, age: Int[Array, "*tasks"]) -> GroupState:
        """Return the same tasks at a later age."""
        return dataclasses.replace(self, phi=phi, rule_state=rule_state, age=age)


class TaskStream:
    """The endless, seeded sequence of tasks for the slots of one group, made on the host."""

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
        """All `sources` must fit the architecture."""
        self._sources = sources
        self.config = config
        self.architecture = architecture
        self._horizon = horizon
        self._seed, self._group = seed, group

    def _entropy(self, slot: int, serial: int) -> list[int]:
        return [self._seed, self._group, slot, serial]

    def horizon(self, slot: int, serial: int) -> int:
        """Draw the total number of inner steps of a task. The first task of a slot may be cut
        short, so that the ages of the slots differ from the start."""
        rng = np.random.default_rng(np.random.SeedSequence([*self._entropy(slot, serial), 1]))
        low, high = self._horizon
        drawn = int(rng.integers(low, high + 1))
        return max(1, int(drawn * rng.uniform(0.1, 1.0))) if serial == 0 else drawn

    def key(self, slot: int, serial: int) -> PRNGKeyArray:
        """Return the key of a task, for its initial φ and its minibatches."""
        key = jax.random.key(self._seed)
        for number in (self._group, slot, serial):
            key = jax.random.fold_in(key, number)
        return key

    def task(self, slot: int, serial: int) -> Task:
        """Draw a task, in the memory of the host."""
        return sample_task(
            self._sources, self.config, self.architecture, [*self._entropy(slot, serial), 2]
        )

    def pool(self, slot: int, serial: int) -> Pool:
        """Draw the examples of a task."""
        return self.place(self.task(slot, serial))

    def place(self, task: Task) -> Pool:
        """Copy the examples of a task, or of several on a leading axis, to the device."""
        return Pool(jnp.asarray(task.inputs), jnp.asarray(task.targets), self.config.labelled_apart)


def draw_tasks(tasks: Sequence[tuple[TaskStream, int, int]]) -> Callable[[], list[Task]]:
    """Begin to draw several tasks, each of a stream, a slot and a serial number, on all cores;
    return the function that waits for them."""
    cores = min(usable_cores(), len(tasks))
    if cores < 2:
        return lambda: [stream.task(slot, serial) for stream, slot, serial in tasks]
    threads = ThreadPoolExecutor(cores)
    drawn = [threads.submit(stream.task, slot, serial) for stream, slot, serial in tasks]
    threads.shutdown(wait=False)  # once they are drawn
    return lambda: [each.result() for each in drawn]


def draw_next(
    streams: Sequence[TaskStream], serials: Sequence[Sequence[int]], first_slot: int = 0
) -> Callable[[], list[list[Task]]]:
    """Begin to draw every group's next tasks; `serials` are those of the current ones."""
    wait = draw_tasks(
        [
            (stream, first_slot + index, serial + 1)
            for stream, of_group in zip(streams, serials, strict=True)
            for index, serial in enumerate(of_group)
        ]
    )

    def by_group() -> list[list[Task]]:
        drawn = iter(wait())
        return [[next(drawn) for _ in of_group] for of_group in serials]

    return by_group


def begin_task(rule: Rule, key: PRNGKeyArray, architecture: Architecture) -> tuple[Phi, RuleState]:
    """Return the initial φ of a task and the rule's initial state."""
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
    tasks: Sequence[Task] | None = None,
) -> GroupState:
    """Start a group whose slots, from `first_slot` on, hold the tasks of these serial numbers;
    `tasks` are these tasks if they are drawn already."""
    slots = range(first_slot, first_slot + len(serials))
    keys = jnp.stack([stream.key(s, n) for s, n in zip(slots, serials, strict=True)])
    phi, rule_state = _begin(rule, keys, stream.architecture)
    if tasks is None:
        tasks = draw_tasks([(stream, s, n) for s, n in zip(slots, serials, strict=True)])()
    return GroupState(
        phi=phi,
        rule_state=rule_state,
        age=jnp.zeros((len(serials),), jnp.int32),
        pool=stream.place(jax.tree.map(lambda *leaves: np.stack(leaves), *tasks)),
        keys=keys,
        horizon=jnp.array(
            [stream.horizon(s, n) for s, n in zip(slots, serials, strict=True)], jnp.int32
        ),
        serial=jnp.array(serials, jnp.int32),
    )


@eqx.filter_jit
def _put(group: Any, index: Int[Array, ""], task: Any) -> Any:
    return jax.tree.map(lambda all_, one: all_.at[index].set(one), group, task)


def renew(
    rule: Rule,
    group: GroupState,
    stream: TaskStream,
    indices: Sequence[int],
    first_slot: int = 0,
    tasks: Sequence[Task] | None = None,
) -> GroupState:
    """Start the next task at each of these indices of the group; index 0 is slot `first_slot`.
    `tasks` are all next tasks, if all are replaced and they are drawn already."""
    serials = np.asarray(group.serial)
    if len(indices) == len(serials):  # in one go
        return begin_group(rule, stream, (serials + 1).tolist(), first_slot, tasks)
    for index in indices:
        slot, serial = first_slot + index, int(serials[index]) + 1
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
        group = _put(group, jnp.array(index), new)
    return group

"""Engine `local`: all groups in this process, their tasks spread over the local devices."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Key, PyTree

from metaplastic.errors import ConfigError
from metaplastic.meta.engines.advanced import Advanced, summarise
from metaplastic.meta.engines.engine import Engine, EngineOptions, Gathered
from metaplastic.meta.engines.programs import Request, compiled, signature
from metaplastic.meta.estimators import Estimate, Estimator
from metaplastic.meta.group import GroupState, TaskStream, begin_group, draw_next, renew
from metaplastic.rules import Rule
from metaplastic.tasks import Task

if TYPE_CHECKING:
    from metaplastic.meta.plan import Plan

T = TypeVar("T")

_SPLIT: Any = PartitionSpec("tasks")
_WHOLE: Any = PartitionSpec()
_OUT: Any = Estimate._make([_SPLIT] * len(Estimate._fields))._replace(gradient=_WHOLE)
_BEGIN, _ESTIMATE = 5, 6  # uses of an estimator's keys


class Redraw(NamedTuple):
    """How often groups are redrawn, and the streams of the groups after a number of meta-steps."""

    every: int
    streams: Callable[[int], Sequence[TaskStream]]


@eqx.filter_jit
def _init(
    estimator: Estimator, rule: Rule, group: GroupState, keys: Key[Array, " tasks"]
) -> PyTree[Array]:
    return estimator.init(rule, group, keys)


@eqx.filter_jit
def _init_again(
    estimator: Estimator,
    rule: Rule,
    group: GroupState,
    keys: Key[Array, " tasks"],
    state: PyTree[Array],
    new: Bool[Array, " tasks"] | np.ndarray,
) -> PyTree[Array]:
    """Initialise the state again for the new tasks."""

    def select(fresh: Array, old: Array) -> Array:
        return jnp.where(jnp.reshape(new, (-1, *[1] * (old.ndim - 1))), fresh, old)

    return jax.tree.map(select, estimator.init(rule, group, keys), state)


def _mean_over_devices(estimate: Estimate) -> PyTree[Array]:
    """Compute the mean gradient over the finite tasks of all devices from each device's mean."""
    count = jnp.sum(estimate.finite)
    total = jnp.maximum(jax.lax.psum(count, "tasks"), 1)
    return jax.tree.map(lambda g: jax.lax.psum(g * count, "tasks") / total, estimate.gradient)


class LocalEngine(Engine):
    """All devices of one process. A group's tasks are split evenly over them (`shard_map`)."""

    def __init__(
        self,
        streams: Sequence[TaskStream],
        estimator: Estimator,
        n_tasks: int,
        *,
        seed: int | Sequence[int],
        devices: Sequence[Any] | None = None,
        first_slot: int = 0,
        redraw: Redraw | None = None,
    ) -> None:
        """There are `n_tasks` per group, in the slots from `first_slot` on; `redraw` says when
        other groups replace those of `streams`. Raises `ConfigError` if the tasks cannot be split
        evenly over `devices`."""
        devices = list(devices or jax.local_devices())
        if n_tasks % len(devices):
            raise ConfigError(
                f"{n_tasks} tasks per group cannot be split evenly over {len(devices)} devices; "
                f"use a multiple of {len(devices)}"
            )
        self._estimator = estimator
        self._redraw = redraw
        self._programs: dict[int, Any] = {}
        self._set_groups(streams)
        self._n_tasks = n_tasks
        self._first_slot = first_slot
        self._seed = (seed,) if isinstance(seed, int) else tuple(seed)
        self._groups: list[GroupState] = []
        self._states: list[PyTree[Array]] = []  # of the estimator, for each group
        self._mesh = Mesh(np.array(devices), ("tasks",))
        self._sharding = NamedSharding(self._mesh, _SPLIT)
        self._compile_seconds = 0.0

    @classmethod
    def make(cls, plan: Plan, options: EngineOptions) -> LocalEngine:
        del options
        return cls.of(plan, plan.config.tasks_per_group)

    @classmethod
    def of(cls, plan: Plan, n_tasks: int, first_slot: int = 0) -> LocalEngine:
        """Make the engine for `n_tasks` of each group's tasks, from `first_slot` on."""
        config = plan.config
        every = config.tasks.architectures.redraw
        return cls(
            plan.streams(),
            plan.estimator(),
            n_tasks,
            seed=config.seed,
            first_slot=first_slot,
            redraw=Redraw(every, lambda meta_step: plan.at(meta_step).streams()) if every else None,
        )

    def _set_groups(self, streams: Sequence[TaskStream]) -> None:
        """Replace the groups, and release the programs of the previous ones."""
        self._streams = tuple(streams)
        self._estimators = [
            dataclasses.replace(self._estimator, per_class=stream.config.labels_per_class)
            for stream in streams
        ]
        self._programs.clear()

    def start(self, rule: Rule, meta_step: int = 0) -> None:
        if self._redraw is not None:
            self._set_groups(self._redraw.streams(meta_step))
        self._groups = [self._begin(rule, s, [0] * self._n_tasks) for s in self._streams]
        self._states = [
            self._place(_init(self._estimators[i], rule, group, self._keys(meta_step, i, _BEGIN)))
            for i, group in enumerate(self._groups)
        ]

    def _begin(self, rule: Rule, stream: TaskStream, serials: Sequence[int]) -> GroupState:
        return self._place(begin_group(rule, stream, serials, self._first_slot))

    def renew(self, rule: Rule, meta_step: int) -> None:
        """Start the next task in every slot, before `meta_step`."""
        for i in range(len(self._groups)):
            self._renew(rule, i, range(self._n_tasks), meta_step)

    def _renew(
        self,
        rule: Rule,
        index: int,
        slots: Sequence[int],
        meta_step: int,
        tasks: Sequence[Task] | None = None,
    ) -> None:
        """Start the next tasks in these of the engine's slots, with a new estimator state."""
        stream = self._streams[index]
        group = renew(rule, self._groups[index], stream, slots, self._first_slot, tasks)
        self._groups[index] = group = self._place(group)
        new = np.isin(np.arange(self._n_tasks), slots)
        keys = self._keys(meta_step, index, _BEGIN)
        state = _init_again(self._estimators[index], rule, group, keys, self._states[index], new)
        self._states[index] = self._place(state)

    def _place(self, tree: T) -> T:
        return jax.device_put(tree, self._sharding)

    def _keys(self, meta_step: int, index: int, use: int) -> Key[Array, " tasks"]:
        """Return the estimator's keys, one per task. They depend only on values that a resumed run
        knows, and on the slot rather than on the process that owns it."""
        slots = range(self._first_slot, self._first_slot + self._n_tasks)
        seeds = (
            np.random.SeedSequence([*self._seed, meta_step, index, slot, use]) for slot in slots
        )
        data = jnp.asarray(np.stack([seed.generate_state(2) for seed in seeds]))
        return self._place(jax.random.wrap_key_data(data, impl="threefry2x32"))

    def _estimate(self, rule: Rule, meta_step: int, lengths: Sequence[int]) -> list[Estimate]:
        """Run the estimator on every group, compiled for the shapes of each at first use."""
        arguments = [self._arguments(i, rule, meta_step, n) for i, n in enumerate(lengths)]
        if missing := [i for i in range(len(arguments)) if i not in self._programs]:
            began = time.perf_counter()
            static = signature(eqx.filter(rule, eqx.is_array, inverse=True))
            wanted = []
            for i in missing:
                key = (self._estimators[i], static, self._mesh)
                wanted.append(Request(key, arguments[i], partial(self._program, i, rule)))
            self._programs.update(zip(missing, compiled(wanted), strict=True))
            self._compile_seconds += time.perf_counter() - began
        return [self._programs[i](*each) for i, each in enumerate(arguments)]

    def _arguments(self, index: int, rule: Rule, meta_step: int, n_steps: int) -> tuple[Any, ...]:
        """Return the arguments of a group's program: θ and the number of steps on every device, the
        tasks split over the devices."""
        replicated = NamedSharding(self._mesh, _WHOLE)
        return (
            jax.device_put(eqx.filter(rule, eqx.is_array), replicated),
            self._groups[index],
            self._states[index],
            self._keys(meta_step, index, _ESTIMATE),
            jax.device_put(jnp.array(n_steps, jnp.int32), replicated),
        )

    def _program(self, index: int, rule: Rule) -> Any:
        """Return a group's estimator, jitted, with its tasks split over the devices."""
        static = eqx.filter(rule, eqx.is_array, inverse=True)
        estimator = self._estimators[index]  # the program outlives the engine

        def estimate(theta, *args):
            result = estimator.estimate(eqx.combine(theta, static), *args)
            return result._replace(gradient=_mean_over_devices(result))

        return jax.jit(
            jax.shard_map(
                estimate,
                mesh=self._mesh,
                in_specs=(_WHOLE, _SPLIT, _SPLIT, _SPLIT, _WHOLE),
                out_specs=_OUT,
                check_vma=False,
            )
        )

    def _length(self, meta_step: int, index: int) -> int:
        low, high = self._estimator.lengths
        seed = np.random.SeedSequence([*self._seed, meta_step, index, 3])
        return int(np.random.default_rng(seed).integers(low, high + 1))

    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        return summarise(self.advance(rule, meta_step))

    def advance(self, rule: Rule, meta_step: int) -> Advanced:
        """Make one estimate of every group. Tasks that have ended or are not finite are replaced,
        and the groups are redrawn if that is due."""
        before, after = self._compile_seconds, meta_step + 1
        redraw = self._redraw is not None and after % self._redraw.every == 0
        lengths = [self._length(meta_step, i) for i in range(len(self._groups))]
        serials = [np.asarray(group.serial).tolist() for group in self._groups]
        # begun first: while a device runs a loop whose length it computes, the caller waits
        ahead = self._estimator.restarts and not redraw
        next_tasks = draw_next(self._streams, serials, self._first_slot) if ahead else None
        estimates = self._estimate(rule, meta_step, lengths)
        on_host = jax.device_get(
            [(e.loss, e.norm, e.finite, e.group.age, e.group.horizon) for e in estimates]
        )
        drawn = None if next_tasks is None else next_tasks()
        begun = 0
        for i, (estimate, (_, _, finite, age, horizon)) in enumerate(
            zip(estimates, on_host, strict=True)
        ):
            ended = ~finite | (age >= horizon) | self._estimator.restarts
            slots = np.flatnonzero(ended).tolist()
            begun += len(slots)
            self._groups[i], self._states[i] = estimate.group, estimate.state
            if slots and not redraw:
                self._renew(rule, i, slots, after, None if drawn is None else drawn[i])
        if redraw:
            self.start(rule, after)
            begun = len(self._groups) * self._n_tasks
        return Advanced(
            gradients=[e.gradient for e in estimates],
            loss=np.stack([r[0] for r in on_host]),
            norm=np.stack([r[1] for r in on_host]),
            finite=np.stack([r[2] for r in on_host]),
            lengths=lengths,
            begun=begun,
            compile_seconds=self._compile_seconds - before,
        )

    def state(self) -> dict[str, Any]:
        return {
            f"group{i}": {
                "phi": group.phi,
                "rule_state": group.rule_state,
                "age": group.age,
                "serial": group.serial,
                "estimator": state,
            }
            for i, (group, state) in enumerate(zip(self._groups, self._states, strict=True))
        }

    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        groups, states = [], []
        for i, stream in enumerate(self._streams):
            saved = state[f"group{i}"]
            group = self._begin(rule, stream, [int(n) for n in saved["serial"]])
            group = group.moved(saved["phi"], saved["rule_state"], saved["age"])
            groups.append(self._place(group))
            states.append(self._place(saved["estimator"]))
        self._groups, self._states = groups, states

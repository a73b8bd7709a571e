"""The fixed workloads with inputs drawn from a seed, and the product's program for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from metaplastic.base_model import initialise
from metaplastic.hub import load_rule
from metaplastic.meta.estimators import Estimate, TruncatedBackprop
from metaplastic.meta.group import GroupState, Pool
from metaplastic.meta.memory import predict_unroll_bytes
from metaplastic.meta.unroll import UnrollConfig, draw_labelled, draw_minibatch
from metaplastic.objectives import Ridge
from metaplastic.rules import Rule, make_rule
from metaplastic.tasks import Architecture
from metaplastic.tasks.task import TaskConfig, n_targets

NO_CLIP = 1e9  # no clipping, so that baselines need not compute per-task norms


@dataclass(frozen=True)
class Workload:
    """A meta-gradient of rule `local` at its shipped size, through all of `steps`."""

    architecture: Architecture
    batch: int
    steps: int
    tasks: int
    at_once: int | None = 1  # as the trainer sets it on a CPU; None on an accelerator
    rematerialise: bool = True
    precision: str | None = None  # of matrix products; the ridge solve stays at float32

    @property
    def task_steps(self) -> int:
        """Return tasks times inner steps, the unit of the reported times."""
        return self.tasks * self.steps

    @cached_property
    def config(self) -> UnrollConfig:
        return UnrollConfig(
            batch_size=self.batch,
            truncation=(self.steps, self.steps),
            rematerialise=self.rematerialise,
        )

    @cached_property
    def estimator(self) -> TruncatedBackprop:
        per_class = TaskConfig().labels_per_class
        return TruncatedBackprop(self.config, per_class, Ridge(), NO_CLIP, self.at_once)


def to_json(workload: Workload) -> dict[str, Any]:
    """Convert a workload to JSON values."""
    return asdict(workload)


def from_json(given: Mapping[str, Any]) -> Workload:
    """Convert JSON values back to a workload."""
    architecture = {**given["architecture"], "hidden": tuple(given["architecture"]["hidden"])}
    return Workload(**{**given, "architecture": Architecture(**architecture)})


SMALL = Workload(Architecture(14, 1, (128, 64), 32), batch=64, steps=8, tasks=4)
PAPER = Workload(Architecture(16, 1, (256, 256, 256), 32), batch=128, steps=10, tasks=1)
WORKLOADS = {"small": SMALL, "paper": PAPER}


def benchmark_rule(seed: int = 0) -> Rule:
    """Make rule `local` at its shipped size, with θ perturbed from its initialisation so that every
    term matters. Without resting biases, which cost almost nothing, for comparability with older
    results."""
    settings = load_rule("default").settings | {"resting_bias": False}
    rule = make_rule("local", jax.random.key(seed), **settings)
    theta, static = eqx.partition(rule, eqx.is_inexact_array)
    rng = np.random.default_rng(seed)
    theta = jax.tree.map(lambda a: a + jnp.asarray(0.05 * rng.normal(size=a.shape), a.dtype), theta)
    return eqx.combine(theta, static)


def draw_group(workload: Workload, rule: Rule, seed: int = 0) -> GroupState:
    """Draw tasks whose classes are Gaussian clouds around different points."""
    tasks = TaskConfig()
    rng = np.random.default_rng(seed)
    shape = (workload.tasks, tasks.n_classes, tasks.examples_per_class)
    inputs = rng.normal(size=(*shape[:2], 1, workload.architecture.n_inputs))
    inputs = inputs + rng.normal(size=(*shape, workload.architecture.n_inputs))
    targets = np.zeros((*shape, n_targets(tasks)), np.float32)
    n = tasks.n_classes
    targets[..., :n] = ((np.eye(n) - 1 / n) / np.sqrt(1 - 1 / n))[None, :, None]
    targets[..., n:] = 0.05 * rng.normal(size=targets[..., n:].shape)
    keys = jax.random.split(jax.random.key(seed), workload.tasks)
    phi = jax.vmap(lambda k: initialise(k, workload.architecture.sizes))(keys)
    return GroupState(
        phi=phi,
        rule_state=jax.vmap(rule.init)(phi),
        age=jnp.zeros((workload.tasks,), jnp.int32),
        pool=Pool(jnp.asarray(inputs, jnp.float32), jnp.asarray(targets)),
        keys=keys,
        horizon=jnp.full((workload.tasks,), 10**6, jnp.int32),
        serial=jnp.zeros((workload.tasks,), jnp.int32),
    )


class Batches(NamedTuple):
    """The batches that the product draws in its program, drawn in advance for the baselines.

    `x` (tasks, steps, batch, inputs); `fit` and `test` inputs (tasks, steps, labelled, inputs) and
    targets (tasks, steps, labelled, targets).
    """

    x: Any
    fit_inputs: Any
    fit_targets: Any
    test_inputs: Any
    test_targets: Any


def draw_batches(workload: Workload, group: GroupState) -> Batches:
    """Draw the same minibatches and labelled batches as the product's unroll."""

    def of_step(pool: Pool, key: Any, t: Any) -> Batches:
        batch_key, label_key = jax.random.split(jax.random.fold_in(key, t + 1))
        fit, test = draw_labelled(pool, workload.estimator.per_class, label_key)
        x = draw_minibatch(pool, workload.batch, batch_key)
        return Batches(x, fit.inputs, fit.targets, test.inputs, test.targets)

    of_task = jax.vmap(of_step, in_axes=(None, None, 0))
    steps = jnp.arange(workload.steps)
    return jax.jit(jax.vmap(of_task, in_axes=(0, 0, None)))(group.pool, group.keys, steps)


def lower(workload: Workload, rule: Rule, group: GroupState) -> tuple[Any, tuple[Any, ...]]:
    """Return the product's meta-gradient, lowered but not compiled, and its arguments."""
    theta, static = eqx.partition(rule, eqx.is_array)

    def estimate(theta: Any, group: GroupState, n_steps: Any) -> Estimate:
        rule = eqx.combine(theta, static)
        return workload.estimator.estimate(rule, group, (), group.keys, n_steps)

    arguments = (theta, group, jnp.array(workload.steps, jnp.int32))
    with jax.default_matmul_precision(workload.precision or "default"):
        return jax.jit(estimate).lower(*arguments), arguments


def predicted_bytes(workload: Workload, rule: Rule) -> int:
    """Return the memory that meta-training predicts for this workload."""
    return predict_unroll_bytes(
        rule, workload.estimator, workload.architecture, TaskConfig(), workload.tasks
    )


def theta_arrays(tree: Any) -> dict[str, np.ndarray]:
    """Return θ, or a gradient of it, as named arrays."""
    return {
        name: np.asarray(leaf, np.float32)
        for name, leaf in vars(tree).items()
        if eqx.is_inexact_array(leaf)
    }

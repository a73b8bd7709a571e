"""How much memory an unroll will take, told before it is compiled.

The rule and the meta-objective are traced, not compiled, so that any rule is covered and a change
of one needs no new formula: what differentiation keeps is known from the trace. At the peak the
backward pass of one inner step holds that step's residuals beside what the whole unroll keeps.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from metaplastic import inner_loop
from metaplastic.meta.estimators import Estimator
from metaplastic.meta.group import Pool
from metaplastic.meta.plan import Plan
from metaplastic.meta.unroll import unroll, weigh
from metaplastic.rules import Rule
from metaplastic.tasks import Architecture, TaskConfig
from metaplastic.tasks.task import n_targets


def memory_line(plan: Plan, rule: Rule) -> str:
    """What a run tells before it compiles: the memory of its largest group's unroll."""
    group = max(range(len(plan.architectures)), key=lambda i: sum(plan.architectures[i].sizes))
    architecture, tasks = plan.architectures[group], plan.tasks[group]
    estimator = dataclasses.replace(plan.estimator(), per_class=tasks.labels_per_class)
    on_a_device = max(1, plan.config.tasks_per_group // len(jax.devices()))
    predicted = predict_unroll_bytes(rule, estimator, architecture, tasks, on_a_device)
    return f"the unroll of {architecture} will take about {predicted / 1e6:.0f} MB a device"


def predict_unroll_bytes(
    rule: Rule, estimator: Estimator, architecture: Architecture, tasks: TaskConfig, n_tasks: int
) -> int:
    """Bytes of temporary memory on one device that the meta-gradient of a group takes.

    `n_tasks` is the group's share on that device; `estimator` says how many of them are computed
    at once, how many inner steps are unrolled, and whether they are rematerialised. θ, the tasks'
    φ and pools, and the gradient come on top. Within 30 % of what XLA reports on a processor.
    """
    at_once = min(estimator.tasks_at_once or n_tasks, n_tasks)
    whole = _residual_bytes(rule, estimator, architecture, tasks, estimator.backward_steps)
    if not estimator.config.rematerialise:
        return at_once * whole
    plain = dataclasses.replace(
        estimator, config=estimator.config.model_copy(update={"rematerialise": False})
    )
    step = _residual_bytes(rule, plain, architecture, tasks, 1)
    return at_once * (whole + step)


def _residual_bytes(
    rule: Rule, estimator: Estimator, architecture: Architecture, tasks: TaskConfig, steps: int
) -> int:
    """Bytes that the forward pass of one task's unroll keeps for its backward pass."""
    theta, static = eqx.partition(rule, eqx.is_inexact_array)

    def loss(theta: PyTree, phi: PyTree, state: PyTree, pool: Pool, key: Any) -> Any:
        end = unroll(
            eqx.combine(theta, static),
            phi,
            state,
            jnp.zeros((), jnp.int32),
            pool,
            key,
            jnp.array(steps, jnp.int32),
            max_steps=steps,
            config=estimator.config,
            per_class=estimator.per_class,
            objective=estimator.objective,
        )
        return weigh(end.losses, jnp.array(steps), estimator.config.late_weight)

    def residuals(theta: PyTree, key: Any, pool: Pool) -> Any:
        phi, state = inner_loop.begin(rule, key, architecture.sizes, architecture.activation)
        return jax.vjp(lambda t: loss(t, phi, state, pool, key), theta)[1]

    examples = (tasks.n_classes, tasks.drawn_per_class)
    pool = Pool(
        jax.ShapeDtypeStruct((*examples, architecture.n_inputs), jnp.float32),  # pyright: ignore
        jax.ShapeDtypeStruct((*examples, n_targets(tasks)), jnp.float32),  # pyright: ignore
        tasks.labelled_apart,
    )
    kept = jax.eval_shape(residuals, theta, jax.random.key(0), pool)
    return sum(
        math.prod(leaf.shape) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(kept)
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    )

"""The optimiser of θ: clipped Adam with warm-up and cosine decay, and a running average of θ."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree
from pydantic import Field

from metaplastic.rules import Rule
from metaplastic.settings import SettingsModel


class OptimizerConfig(SettingsModel):
    """How θ is updated."""

    meta_steps: int = Field(default=300, ge=1, description="total number of updates of θ")
    learning_rate: float = Field(default=3e-3, gt=0, description="peak learning rate of Adam")
    warmup: int = Field(default=10, ge=0, description="meta-steps of linear warm-up")
    final_fraction: float = Field(
        default=0.05, ge=0, le=1, description="final learning rate as a fraction of the peak"
    )
    clip_task: float = Field(
        default=1.0,
        gt=0,
        allow_inf_nan=True,
        description="norm to which the gradient of each task is clipped",
    )
    norm_limit: float = Field(
        default=100.0,
        gt=0,
        allow_inf_nan=True,
        description="tasks with a gradient norm above this are dropped: they have turned chaotic",
    )
    clip_total: float = Field(
        default=0.5,
        gt=0,
        allow_inf_nan=True,
        description="norm to which the mean gradient is clipped",
    )
    average: float = Field(
        default=0.95,
        ge=0,
        lt=1,
        description="decay of the published running average of θ; 0 publishes θ itself",
    )


class OptimizerState(eqx.Module):
    """Adam's state, the running average of θ, and the number of updates so far."""

    adam: PyTree[Array]
    average: PyTree[Array]
    step: Int[Array, ""]


def _transformation(config: OptimizerConfig) -> optax.GradientTransformation:
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=config.learning_rate / (config.warmup + 1),
        peak_value=config.learning_rate,
        warmup_steps=config.warmup,
        decay_steps=max(config.meta_steps, config.warmup + 1),
        end_value=config.learning_rate * config.final_fraction,
    )
    return optax.chain(optax.clip_by_global_norm(config.clip_total), optax.adam(schedule))


def start(config: OptimizerConfig, rule: Rule) -> OptimizerState:
    """Return the state before the first meta-step."""
    theta = eqx.filter(rule, eqx.is_inexact_array)
    return OptimizerState(_transformation(config).init(theta), theta, jnp.zeros((), jnp.int32))


@eqx.filter_jit
def apply(
    config: OptimizerConfig, rule: Rule, state: OptimizerState, gradient: PyTree[Array]
) -> tuple[Rule, OptimizerState, Float[Array, ""]]:
    """Update θ once. Return the rule, the state, and the norm of `gradient` before clipping."""
    norm = optax.tree.norm(gradient)
    updates, adam = _transformation(config).update(gradient, state.adam)
    rule = eqx.apply_updates(rule, updates)
    step = state.step + 1
    # average over fewer steps at first, so that the random initial θ is soon forgotten
    decay = jnp.minimum(config.average, step / (step + 10.0))
    theta = eqx.filter(rule, eqx.is_inexact_array)
    average = jax.tree.map(lambda a, t: decay * a + (1 - decay) * t, state.average, theta)
    return rule, OptimizerState(adam, average, step), norm


def averaged(rule: Rule, state: OptimizerState) -> Rule:
    """Return the rule with θ averaged over recent meta-steps, which is evaluated and published."""
    _, static = eqx.partition(rule, eqx.is_inexact_array)
    return eqx.combine(state.average, static)

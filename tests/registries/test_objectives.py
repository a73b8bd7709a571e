"""What every meta-objective passes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.objectives import OBJECTIVES, make_objective


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objectives_gradient_agrees_with_finite_differences(name: str) -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), 5)
    centres = rng.normal(size=(3, 4))
    u, v = (centres[classes] + rng.normal(size=(15, 4)) for _ in range(2))
    amounts = rng.normal(size=(2, 15, 2)) / 10
    y, z = (np.hstack([np.eye(3)[classes] - 1 / 3, a]) for a in amounts)
    du, dv = rng.normal(size=(2, 15, 4))
    with jax.enable_x64(True):
        objective = make_objective(name)

        @jax.jit
        def loss(u: Any, v: Any) -> jax.Array:
            return objective(u, jnp.asarray(y), v, jnp.asarray(z))

        value, (gu, gv) = jax.value_and_grad(loss, argnums=(0, 1))(u, v)
        ends = [float(loss(u + h * du, v + h * dv)) for h in (1e-6, -1e-6)]
    assert np.shape(value) == ()
    assert np.isfinite(value)
    analytic = float(np.sum(gu * du) + np.sum(gv * dv))
    assert analytic != 0
    assert analytic == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)

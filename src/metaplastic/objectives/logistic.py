"""Meta-objective `logistic`: ridge-penalised multinomial logistic regression, in a few steps.

With scores f = (u - ū) w + b and P = softmax(f), the readout minimises

    Σ_i -log P[i, y_i] + λ/2 |w|².

It takes Newton steps with the Hessian replaced by Böhning's upper bound, ½ (u - ū)ᵀ(u - ū) + λ
(Böhning, Ann. Inst. Stat. Math. 44:197, 1992): one factorisation serves all steps and all classes,
and no step increases the loss. With Nesterov momentum, few steps are enough. The solution lies in
the span of the examples, w = (u - ū)ᵀ a, so a is optimised.
"""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.classes import cross_entropy, one_hot_labels
from metaplastic.objectives.tuned import TunedObjective, TunedSettings

_PRECISION = jax.lax.Precision.HIGHEST


def logistic_readout(
    gram: Float[Array, "examples examples"],
    one_hot: Float[Array, "examples classes"],
    penalty: float | Array,
    steps: int,
) -> tuple[Float[Array, "examples classes"], Float[Array, " classes"]]:
    """Return the coefficients a and the bias b, which is not penalised, from the Gram matrix of the
    centred features."""
    examples = gram.shape[0]
    bound = 0.5 * gram + penalty * jnp.eye(examples, dtype=gram.dtype)
    factor = jax.scipy.linalg.cho_factor(bound)

    def step(state: tuple[Array, Array], momentum: Array) -> tuple[tuple[Array, Array], None]:
        current, previous = state
        extrapolated = current + momentum * (current - previous)
        a, b = extrapolated[:-1], extrapolated[-1]
        scores = jnp.matmul(gram, a, precision=_PRECISION) + b[None]
        residual = one_hot - jax.nn.softmax(scores, axis=1)
        a = a + jax.scipy.linalg.cho_solve(factor, residual - penalty * a)
        b = b + 2.0 * jnp.mean(residual, axis=0)
        return (jnp.concatenate([a, b[None]]), current), None

    start = jnp.zeros((examples + 1, one_hot.shape[1]), gram.dtype)
    order = jnp.arange(steps, dtype=gram.dtype)
    (solution, _), _ = jax.lax.scan(step, (start, start), order / (order + 3.0))
    return solution[:-1], solution[-1]


class LogisticSettings(TunedSettings):
    """Settings of `logistic`."""

    steps: int = Field(
        default=10, ge=1, description="steps of the optimiser, which starts from zero scores"
    )


class Logistic(TunedObjective):
    """The lowest cross entropy of logistic regression over `penalties`, in units of that of
    guessing: 0 for correct certainty, 1 for chance. Continuous targets are ignored."""

    Settings: ClassVar = LogisticSettings

    @property
    def measure(self) -> str:
        return "cross entropy, in units of guessing"

    def loss(
        self,
        penalty: Float[Array, ""],
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None,
    ) -> Float[Array, ""]:
        labels, test_labels = (one_hot_labels(y, n_classes) for y in (fit_targets, test_targets))
        mean = jnp.mean(fit_features, axis=0, keepdims=True)
        u, u_test = fit_features - mean, test_features - mean
        gram = jnp.matmul(u, u.T, precision=_PRECISION)
        test_gram = jnp.matmul(u_test, u.T, precision=_PRECISION)
        a, b = logistic_readout(gram, labels, penalty, self.settings.steps)
        scores = jnp.matmul(test_gram, a, precision=_PRECISION) + b[None]
        return cross_entropy(jax.nn.log_softmax(scores, axis=1), test_labels)

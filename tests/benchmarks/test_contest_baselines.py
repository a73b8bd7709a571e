"""The baselines of the benchmark compute the product's meta-gradient. No timing."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from benchmarks.agreement import agreement
from benchmarks.baselines import plain_jax
from benchmarks.jobs.contest import apply_only
from benchmarks.workloads import (
    Workload,
    benchmark_rule,
    draw_batches,
    draw_group,
    from_json,
    lower,
    theta_arrays,
    to_json,
)

from metaplastic.tasks import Architecture

# a layer of two groups of units
WORKLOAD = Workload(Architecture(4, 1, (256,), 6), batch=12, steps=2, tasks=2)


@pytest.fixture(scope="module")
def problem() -> tuple[dict[str, Any], tuple[Any, ...]]:
    """The product's gradient and the inputs of a baseline."""
    rule = benchmark_rule()
    group = draw_group(WORKLOAD, rule)
    lowered, inputs = lower(WORKLOAD, rule, group)
    estimate = lowered.compile()(*inputs)
    assert estimate.finite.all()
    batches = draw_batches(WORKLOAD, group)
    given = (group.phi.weights, group.phi.biases, batches)
    late = WORKLOAD.config.late_weight
    return theta_arrays(estimate.gradient), (theta_arrays(rule), rule.settings, *given, late)


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    result = agreement(ours, theirs)
    assert result["cosine"] > 0.99999
    assert result["relative_error"] < 2e-3
    # every meta-parameter, not the largest alone
    for name, g in ours.items():
        scale = max(float(np.abs(g).max()), 1e-3)
        np.testing.assert_allclose(theirs[name], g, atol=5e-3 * scale, err_msg=name)


@pytest.mark.slow
def test_every_meta_parameter_counts(problem) -> None:
    gradient, _ = problem
    assert all(np.abs(g).max() > 0 for g in gradient.values())


@pytest.mark.slow
def test_plain_jax(problem) -> None:
    gradient, given = problem
    with jax.numpy_rank_promotion("allow"):  # written as a first version would be
        run, _ = plain_jax.meta_gradient(*given)
        _same(gradient, run())


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["loop", "vmap"])
def test_pytorch(problem, variant: str) -> None:
    pytest.importorskip("torch", reason="torch is an extra")
    from benchmarks.baselines import pytorch

    gradient, (theta, settings, *arrays, late) = problem
    arrays = jax.tree.map(np.asarray, arrays)
    result = pytorch.meta_gradient(variant, theta, settings, *arrays, late)()
    _same(gradient, {name: g.cpu().numpy() for name, g in result.items()})


def test_agreement_by_hand() -> None:
    ours = {"a": np.array([3.0]), "b": np.array([4.0])}
    assert agreement(ours, ours) == {"cosine": pytest.approx(1.0), "relative_error": 0.0}
    result = agreement(ours, {"a": np.array([4.0]), "b": np.array([-3.0])})
    assert result["cosine"] == pytest.approx(0.0)
    assert result["relative_error"] == pytest.approx(2**0.5)


def test_a_workload_survives_json() -> None:
    assert from_json(to_json(WORKLOAD)) == WORKLOAD


def test_the_rule_alone_is_applied_as_the_encoder_does() -> None:
    assert apply_only(WORKLOAD, benchmark_rule()) > 0.0

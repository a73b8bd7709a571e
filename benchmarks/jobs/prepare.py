"""Compile the baselines into their caches, before timed processes use them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.baselines import plain_jax
from benchmarks.workloads import benchmark_rule, draw_batches, draw_group, from_json, theta_arrays


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """Compile `baseline`, which is `plain` or a PyTorch variant, for each of `workloads`."""
    rule = benchmark_rule()
    theta = theta_arrays(rule)
    for given in arguments["workloads"]:
        workload = from_json(given)
        with jax.default_matmul_precision(workload.precision or "default"):
            group = draw_group(workload, rule)
            phi = (group.phi.weights, group.phi.biases)
            batches = draw_batches(workload, group)
            late = workload.config.late_weight
            if arguments["baseline"] == "plain":
                on_device = {name: jnp.asarray(a) for name, a in theta.items()}
                plain_jax.meta_gradient(
                    on_device, rule.settings, *phi, plain_jax.shortened(batches), late
                )
                continue
        import torch  # pyright: ignore[reportMissingImports]

        from benchmarks.baselines import pytorch

        torch.set_num_threads(1)
        weights, biases, data = jax.tree.map(np.asarray, (*phi, batches))
        pytorch.meta_gradient(
            arguments["baseline"], theta, rule.settings, weights, biases, data, late
        )()
    return {}

"""Time the product and its baselines on one workload, in turns in one process, on equal inputs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.agreement import agreement
from benchmarks.baselines import plain_jax
from benchmarks.breakdown import breakdown
from benchmarks.counting import count
from benchmarks.limits import best_seconds, roofline
from benchmarks.workloads import (
    Workload,
    benchmark_rule,
    draw_batches,
    draw_group,
    from_json,
    lower,
    theta_arrays,
)
from metaplastic.base_model import perceptron
from metaplastic.encoder import inner_loop

AGREES = 0.9999  # minimum cosine
FEWEST_ROUNDS = 3
MISSING = "torch is not installed: PyTorch baselines left out (`pip install torch`)"

Run = Callable[[], Any]


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """Measure times and agreement of gradients, and on request the limits and the breakdown.

    Arguments: `workload`; `plain` (whether to run the plain JAX baseline); `torch`, pairs of a
    variant and a number of threads; `seconds` of timing; `analyse`.
    """
    workload = from_json(arguments["workload"])
    with jax.default_matmul_precision(workload.precision or "default"):
        return _run(workload, arguments)


def _run(workload: Workload, arguments: dict[str, Any]) -> dict[str, Any]:
    rule = benchmark_rule()
    group = draw_group(workload, rule)
    lowered, inputs = lower(workload, rule, group)
    program = lowered.compile()
    contenders: dict[str, Run] = {"metaplastic": lambda: jax.block_until_ready(program(*inputs))}
    gradient = theta_arrays(contenders["metaplastic"]().gradient)

    theta = theta_arrays(rule)
    arrays = (group.phi.weights, group.phi.biases, draw_batches(workload, group))
    late = workload.config.late_weight
    notes: dict[str, dict[str, Any]] = {"metaplastic": {}}
    skipped: dict[str, str] = {}

    steps = {}
    if arguments["plain"]:
        steps["plain JAX"] = short = min(plain_jax.STEPS, workload.steps)
        on_device = {name: jnp.asarray(a) for name, a in theta.items()}
        batches = plain_jax.shortened(arrays[2])
        job, seconds = plain_jax.meta_gradient(
            on_device, rule.settings, arrays[0], arrays[1], batches, late
        )
        contenders["plain JAX"] = job
        # our same program, stopped after as many steps
        ours = theta_arrays(program(*inputs[:-1], jnp.array(short, jnp.int32)).gradient)
        notes["plain JAX"] = {
            "inner_steps": short,
            "compile_seconds": seconds,
            **agreement(ours, job()),
        }
    _add_torch(
        contenders,
        notes,
        skipped,
        arguments["torch"],
        gradient,
        (theta, rule.settings, arrays, late),
    )

    times = _in_turns(contenders, arguments["seconds"])
    results: dict[str, Any] = {
        "contenders": {
            name: {
                "seconds": min(seconds_by_round),
                "median_seconds": statistics.median(seconds_by_round),
                "ms_per_task_step": min(seconds_by_round)
                / (workload.tasks * steps.get(name, workload.steps))
                * 1e3,
                "rounds": len(seconds_by_round),
                **notes[name],
            }
            for name, seconds_by_round in times.items()
        },
        "skipped": skipped,
        "disagreeing": [n for n, note in notes.items() if note.get("cosine", 1.0) < AGREES],
        "inner_steps_per_second": apply_only(workload, rule),
    }
    if arguments["analyse"]:
        hlo = program.as_text()
        counts = count(hlo)
        counted = program.cost_analysis() or {}
        results["counted"] = {
            "flops_of_products": counts.flops,
            "bytes": counts.bytes,
            "passes": sum(counts.passes.values()),
            "xla_flops_bodies_once": counted.get("flops"),
            "xla_bytes_bodies_once": counted.get("bytes accessed"),
        }
        results["limit"] = roofline(counts)
        results["breakdown"] = breakdown(hlo, contenders["metaplastic"])
    return results


def _add_torch(
    contenders: dict[str, Run],
    notes: dict[str, dict[str, Any]],
    skipped: dict[str, str],
    variants: list[tuple[str, int]],
    gradient: dict[str, Any],
    inputs: tuple[Any, ...],
) -> None:
    if not variants:
        return
    try:
        import torch  # pyright: ignore[reportMissingImports]

        from benchmarks.baselines import pytorch
    except ImportError:
        skipped["PyTorch"] = MISSING
        return
    theta, settings, arrays, late = inputs
    weights, biases, batches = jax.tree.map(np.asarray, arrays)
    for variant, threads in variants:
        label = f"PyTorch {variant}, {threads} thread{'s' if threads > 1 else ''}"
        torch.set_num_threads(threads)
        job = pytorch.meta_gradient(variant, theta, settings, weights, biases, batches, late)
        began = time.perf_counter()
        try:
            gradients = job()
        except Exception as error:  # a compiler's or an operator's refusal, of whatever type
            skipped[label] = (str(error).strip().splitlines() or [repr(error)])[0][:200]
            continue
        first = time.perf_counter() - began
        notes[label] = {
            "first_call_seconds": first,
            **agreement(gradient, {name: g.cpu().numpy() for name, g in gradients.items()}),
        }

        def job_with_threads(job: Run = job, threads: int = threads) -> Any:
            torch.set_num_threads(threads)
            return job()

        contenders[label] = job_with_threads


def _in_turns(contenders: dict[str, Run], seconds: float) -> dict[str, list[float]]:
    """Run every contender once per round until time is up, so that other load affects all alike."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    rounds = 0
    while rounds < FEWEST_ROUNDS or time.perf_counter() - began < seconds:
        for name, job in contenders.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
        rounds += 1
    return times


def apply_only(workload: Workload, rule: Any) -> float:
    """Inner steps per second of one task, as `PlasticEncoder.fit` takes them."""
    sizes = workload.architecture.sizes
    phi, state = inner_loop.begin(rule, 0, perceptron(sizes, workload.architecture.activation))
    x = np.random.default_rng(0).normal(size=(workload.batch, sizes[0])).astype(np.float32)
    steps = 20

    def job() -> None:
        p, s = phi, state
        for t in range(steps):
            p, s = inner_loop.inner_step(rule, p, s, x, t)
        inner_loop.wait(p)

    return steps / best_seconds(job, rounds=5)

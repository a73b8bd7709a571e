"""`python -m benchmarks.scaling`: scaling of engine `ray`, measured and simulated.

Measures message sizes, the trainer's costs and real runs on 1, 2 and 4 workers that compute or only
sleep (results/scaling-measured.json); simulates 1 to 10,000 workers with these costs
(results/scaling-simulated.json, results/scaling.png). With --no-measure, existing measurements are
used.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines_agree import CONFIG
from benchmarks.scaling_measure import sleeping_means
from benchmarks.scaling_simulation import Costs, simulate, sweep
from metaplastic.figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    styled,
)
from metaplastic.meta.config import parse_config

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "results" / "scaling-measured.json"
SIMULATED = ROOT / "results" / "scaling-simulated.json"
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 10_000)
SEEDS = (0, 1, 2)
WORKERS = (1, 2, 4)  # of real runs
# seconds per truncation of the paper's workers: 512 of them processed 74 a second
PAPER_SECONDS = 512 / 74
SLEEPING = {"per_update": 8, "updates": 25, "spreads": (0.3, 0.2)}
SLEEP_SECONDS = 0.25


def measure(address: str | None, updates: int, computing: bool) -> None:
    """Measure costs and runs on this machine, and write the results on the way."""
    import jax
    import ray

    from benchmarks import scaling_measure as measuring

    results: dict[str, Any] = {
        "command": "python -m benchmarks.scaling",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "versions": {"jax": jax.__version__, "ray": ray.__version__},
        "load_average": os.getloadavg()[0],
        "bytes": measuring.bytes_of_messages(),
        "trainer": measuring.trainer_costs(address, updates=updates),
    }
    MEASURED.write_text(json.dumps(results, indent=1) + "\n")
    results["sleeping_workers"] = {"seconds": SLEEP_SECONDS, **SLEEPING, "runs": []}
    for count in WORKERS:
        run = measuring.sleeping_run(count, SLEEP_SECONDS, **SLEEPING, address=address)
        results["sleeping_workers"]["runs"].append(run)
        MEASURED.write_text(json.dumps(results, indent=1) + "\n")
    if computing:
        config = parse_config(CONFIG)
        results["computing_workers"] = {"config": CONFIG, "runs": []}
        for count in WORKERS:
            run = measuring.computing_run(count, config, updates=60, address=address)
            results["computing_workers"]["runs"].append(run)
            MEASURED.write_text(json.dumps(results, indent=1) + "\n")


def costs(measured: dict[str, Any], preset: str, gradient: float) -> Costs:
    """Return the costs of the simulation, from the measurements."""
    trainer = measured["trainer"]
    of_preset = trainer[preset]
    return Costs(
        gradient=gradient,
        receive=of_preset["receive_seconds"],
        update=of_preset["update_seconds"],
        look=trainer["look_seconds_per_pending"],
    )


def run_simulations(measured: dict[str, Any]) -> dict[str, Any]:
    """Simulate the sweeps, and compare predictions with the runs on real workers."""
    paper_costs = costs(measured, "paper", PAPER_SECONDS)
    four_truncations = costs(measured, "paper", 4 * PAPER_SECONDS)
    sweeps = {
        "256 gradients a step": sweep(COUNTS, paper_costs, seeds=SEEDS, per_update=256),
        "1024 gradients a step": sweep(COUNTS, paper_costs, seeds=SEEDS, per_update=1024),
        "256 a step, each of 4 truncations": sweep(
            COUNTS, four_truncations, seeds=SEEDS, per_update=256
        ),
        "no bound on staleness": sweep(
            COUNTS, paper_costs, seeds=SEEDS, per_update=256, max_staleness=10**9
        ),
        "half as many as workers": sweep(COUNTS, paper_costs, seeds=SEEDS, per_update=None),
        "half as many, helpers of 100 workers": sweep(
            COUNTS, paper_costs, seeds=SEEDS, per_update=None, fan_in=100
        ),
    }
    checks = []
    sleeping = measured["sleeping_workers"]
    of_workers, of_gradients = sleeping["spreads"]
    sleeping_costs = replace(
        costs(measured, "quick", sleeping["seconds"]), spread_of_gradients=of_gradients
    )
    for run in sleeping["runs"]:
        predicted = [
            simulate(
                run["workers"],
                sleeping_costs,
                per_update=sleeping["per_update"],
                updates=2 * sleeping["updates"],
                seed=seed,
                means=sleeping_means(run["workers"], sleeping["seconds"], of_workers),
            )
            for seed in range(20)
        ]
        rates = [p["gradients_per_second"] for p in predicted]
        checks.append(
            {
                "workers": run["workers"],
                "measured": run,
                "predicted_gradients_per_second": float(np.mean(rates)),
                "measured_over_predicted": run["gradients_per_second"] / float(np.mean(rates)),
                "predicted_staleness": float(np.mean([p["staleness"] for p in predicted])),
            }
        )
    return {"command": "python -m benchmarks.scaling", "sweeps": sweeps, "checks": checks}


def draw(simulated: dict[str, Any]) -> None:
    """Draw throughput, staleness and dropped gradients against the number of workers."""
    with styled():
        figure = new_figure(9.0, 3.6, "Simulated clusters, by what the trainer does with gradients")
        parts = figure.subplots(1, 3)
        colours = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
        # where lines coincide, the later ones are drawn narrower on top
        widths = (5.5, 4.5, 3.5, 2.5, 1.6, 0.8)
        for (name, simulation), colour, width in zip(
            simulated["sweeps"].items(), colours, widths, strict=True
        ):
            rows = simulation["rows"]
            x = [row["workers"] for row in rows]
            truncations = 4 if "each of 4" in name else 1
            rate = [truncations * row["gradients_per_second"] for row in rows]
            staleness = [row["staleness"] for row in rows]
            dropped = [100 * row["dropped_fraction"] for row in rows]
            for axes, y in zip(parts, (rate, staleness, dropped), strict=True):
                axes.plot(x, y, color=colour, label=name, linewidth=width)
        parts[0].plot(COUNTS, [n / PAPER_SECONDS for n in COUNTS], ":k", label="linear")
        parts[0].set(ylabel="truncations used per second", yscale="log")
        parts[1].set(ylabel="mean staleness (updates)", yscale="symlog")
        parts[2].set(ylabel="dropped as too old (%)")
        for axes in parts:
            axes.set(xlabel="workers", xscale="log")
        handles = parts[0].get_legend_handles_labels()
        figure.legend(*handles, fontsize=7.5, loc="outside lower center", ncols=4)
        figure.savefig(ROOT / "results" / "scaling.png", dpi=130)


def main() -> None:
    """Measure, simulate and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-measure", action="store_true")
    parser.add_argument("--no-computing", action="store_true", help="skip runs that compute")
    parser.add_argument(
        "--updates", type=int, default=20, help="updates for measuring the trainer's costs"
    )
    parser.add_argument("--address", help="a Ray cluster to use instead of starting one")
    arguments = parser.parse_args()
    if not arguments.no_measure:
        from metaplastic.compilation import use_compilation_cache
        from metaplastic.threads import one_thread_per_operation

        one_thread_per_operation()
        use_compilation_cache()
        measure(arguments.address, arguments.updates, not arguments.no_computing)
    simulated = run_simulations(json.loads(MEASURED.read_text()))
    SIMULATED.write_text(json.dumps(simulated, indent=1) + "\n")
    draw(simulated)
    for check in simulated["checks"]:
        print(check)


if __name__ == "__main__":
    main()

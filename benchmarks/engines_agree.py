"""`python -m benchmarks.engines_agree`: equal numbers of gradients on engines `local` and `ray`.

Runs five seeds of a tiny run on each and writes the validation losses and their paired differences
to results/scaling-agreement.json. It measures no times, so other load does not matter.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy import stats

from metaplastic.compilation import use_compilation_cache
from metaplastic.meta.config import parse_config
from metaplastic.meta.engines import EngineOptions
from metaplastic.meta.run.metrics import read_metrics
from metaplastic.meta.run.run_dir import RunDir
from metaplastic.meta.run.trainer import Trainer
from metaplastic.threads import one_thread_per_operation

ROOT = Path(__file__).resolve().parents[1]
CONFIG: dict[str, Any] = {
    "rule": {"settings": {"hidden": 4, "error_channels": 2, "readout_channels": 2}},
    "estimator": "full",
    "groups": 2,
    "tasks_per_group": 2,
    "tasks": {
        "n_classes": 5,
        "examples_per_class": 20,
        "labels_per_class": 5,
        "architectures": {"sides": [8], "layers": [2, 2], "units": [12, 16], "n_features": [8]},
    },
    "unroll": {"batch_size": 16, "horizon": [8, 12]},
    "validation": {"every": 10**6, "tasks": 32, "horizons": [1.0]},
}


def run_once(
    engine: str, seed: int, updates: int, workers: int, address: str | None = None
) -> dict[str, Any]:
    """Run once and return the validation loss at the end and a summary of the metrics."""
    one_thread_per_operation()
    use_compilation_cache()
    config = parse_config(
        {**CONFIG, "seed": seed, "engine": engine, "optimizer": {"meta_steps": updates}}
    )
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir.create(Path(folder) / "run", config)
        trainer = Trainer(
            run, checkpoint_seconds=1e9, options=EngineOptions(address=address, workers=workers)
        )
        initial = trainer._validator(trainer.rule)
        trainer.train()
        trainer.close()
        run.close()
        metrics = read_metrics(run.path)
    (loss,) = metrics[-1]["validation_loss"].values()
    (accuracy,) = metrics[-1]["validation_accuracy"].values()
    (start,) = initial.values()
    return {
        "seed": seed,
        "validation_loss_before": float(np.mean(start.loss)),
        "validation_loss": loss,
        "validation_accuracy": accuracy,
        "truncations": sum(m["truncations"] for m in metrics),
        "dropped": sum(m["dropped"] for m in metrics),
        "staleness": float(np.mean([m.get("staleness", 0.0) for m in metrics])),
    }


def main() -> None:
    """Run all seeds on both engines and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=150)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--address", help="a Ray cluster to use instead of starting one")
    parser.add_argument("--jobs", type=int, default=1, help="number of parallel runs")
    arguments = parser.parse_args()
    rows: dict[str, list[Any]] = {"local": [], "ray": []}
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn")) as pool:
        futures = {
            pool.submit(
                run_once, engine, seed, arguments.updates, arguments.workers, arguments.address
            ): engine
            for seed in range(arguments.seeds)
            for engine in rows
        }
        for done in as_completed(futures):
            rows[futures[done]].append(done.result())
            print(futures[done], done.result(), flush=True)
    for runs in rows.values():
        runs.sort(key=lambda row: row["seed"])
    losses = {engine: [r["validation_loss"] for r in runs] for engine, runs in rows.items()}
    difference = np.subtract(losses["ray"], losses["local"])
    error = float(stats.sem(difference))
    half_width = float(stats.t.ppf(0.975, len(difference) - 1)) * error
    content = {
        "command": "python -m benchmarks.engines_agree",
        "config": CONFIG,
        "updates": arguments.updates,
        "workers": arguments.workers,
        "jax": jax.__version__,
        "runs": rows,
        "mean": {engine: float(np.mean(runs)) for engine, runs in losses.items()},
        "sd_over_seeds": {e: float(np.std(runs, ddof=1)) for e, runs in losses.items()},
        "paired_difference": float(difference.mean()),
        "standard_error": error,
        "interval_95": [
            float(difference.mean()) - half_width,
            float(difference.mean()) + half_width,
        ],
    }
    path = ROOT / "results" / "scaling-agreement.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"ray - local: {difference.mean():+.4f} ± {error:.4f} (standard error); {path.name}")


if __name__ == "__main__":
    main()

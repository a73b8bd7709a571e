"""`PlasticEncoder` against scikit-learn's BernoulliRBM (fit) and a NumPy product (transform).

python benchmarks/encoder.py [--rule NAME_OR_PATH] [--rows 60000] [--repeats 3] [--out FILE.json]

The data are 60,000 × 784 float32 numbers in [0, 1], as for MNIST; speed does not depend on their
values. The baselines run in turns in one process; the minimum over repeats counts, as other load
only adds time. The default is the shipped rule.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import sklearn
from sklearn.neural_network import BernoulliRBM

from metaplastic import PlasticEncoder, load_rule
from metaplastic.encoder.parameters import BATCH_SIZE, INNER_STEPS


def seconds(job: Callable[[], Any]) -> float:
    """Return the wall time of one call."""
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def measure(rule: Any, rows: int, repeats: int) -> dict[str, Any]:
    """Measure seconds of each job, the minimum over repeats, and the claimed ratios."""
    x = np.random.default_rng(0).random((rows, 784), dtype=np.float32)
    encoder = PlasticEncoder(rule, layers="last", random_state=0)
    defaults = INNER_STEPS * BATCH_SIZE / rows  # defaults of a rule without a card
    one_pass = PlasticEncoder(rule, layers="last", random_state=0, max_iter=rows // BATCH_SIZE)
    results: dict[str, Any] = {
        "passes of a default fit": round(defaults, 3),
        "fit, defaults, compilation included": seconds(lambda: encoder.fit(x)),
    }
    units = encoder.n_components
    jobs = {
        "fit, defaults": lambda: encoder.fit(x),
        "fit, one pass": lambda: one_pass.fit(x),
        "rbm, one pass, batch 10": lambda: BernoulliRBM(units, n_iter=1, random_state=0).fit(x),
        "rbm, one pass, batch 64": lambda: BernoulliRBM(
            units, n_iter=1, batch_size=64, random_state=0
        ).fit(x),
        "rbm, as many rows as a default fit, batch 10": lambda: BernoulliRBM(
            units, n_iter=1, random_state=0
        ).fit(x[: round(defaults * rows)]),
        "transform, float32": lambda: encoder.transform(x),
        "numpy product, float32": lambda: product(encoder, x),
    }
    times_by_job: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            times_by_job[name].append(seconds(job))
    results |= {name: min(times) for name, times in times_by_job.items()}
    results["ratios"] = {
        "default fit / rbm one pass (at most 2)": results["fit, defaults"]
        / results["rbm, one pass, batch 10"],
        "fit / rbm, one pass each (at most 2)": results["fit, one pass"]
        / results["rbm, one pass, batch 10"],
        "fit / rbm, rows of a default fit each (at most 2)": results["fit, defaults"]
        / results["rbm, as many rows as a default fit, batch 10"],
        "numpy product / transform (at least 0.5)": results["numpy product, float32"]
        / results["transform, float32"],
    }
    return results


def product(encoder: PlasticEncoder, x: np.ndarray) -> np.ndarray:
    """Compute only the matrix products of a transform."""
    for weight in encoder.network_.weights:
        x = x @ weight
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--rule", default="default", help="a shipped rule or the path of a rule file"
    )
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the results to this file as JSON")
    arguments = parser.parse_args()
    results = measure(load_rule(arguments.rule), arguments.rows, arguments.repeats)
    results["versions"] = {
        "python": sys.version.split()[0],
        "jax": jax.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }
    results["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, {jax.default_backend()}"
    results["load at the end"] = round(os.getloadavg()[0], 1)
    text = json.dumps(results, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""`python -m benchmarks.first_fit`: what a user waits for, beside scikit-learn's and UMAP's.

- small: 500 x 20 numbers, each run a process of its own on all cores, timed from its start to its
  end: `PlasticEncoder().fit` with an empty compilation cache, again with the cache of an earlier
  process, PCA, and UMAP; and, inside a process with an empty cache, the seconds of the import, of
  the first fit, of a second fit of the same shape, and of one of another shape.
- large: 60,000 x 784 numbers (50 clusters of rank 20, in [0, 1]), one core: the seconds of `fit`
  for `PlasticEncoder` (the second one of a process, and the first with compilation), one pass of
  BernoulliRBM with as many units as the encoder's last layer, PCA, and UMAP with as many
  dimensions, after a small UMAP that compiles it.

The file is results/first-fit.json. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "first-fit.json"

_SMALL = "import numpy as np\nx = np.random.default_rng(0).normal(size=(500, 20))\n"
_ENCODER = "from metaplastic import PlasticEncoder\nPlasticEncoder(random_state=0).fit(x)\n"
SMALL = {
    "PlasticEncoder, empty cache": _SMALL + _ENCODER,
    "PlasticEncoder, cached": _SMALL + _ENCODER,
    "PCA": _SMALL + "from sklearn.decomposition import PCA\nPCA(10).fit(x)\n",
    "UMAP": _SMALL + "import umap\numap.UMAP(n_components=10, random_state=0).fit(x)\n",
}
PHASES = f"""
import json, time
{_SMALL}
seconds, last = {{}}, time.perf_counter()

def mark(name):
    global last
    seconds[name], last = time.perf_counter() - last, time.perf_counter()

from metaplastic import PlasticEncoder
mark("import")
PlasticEncoder(random_state=0).fit(x)
mark("first fit")
PlasticEncoder(random_state=0).fit(x)
mark("second fit")
PlasticEncoder(random_state=0).fit(x[:, :13])
mark("second shape")
print(json.dumps(seconds))
"""
_LARGE = """
import json, time
import numpy as np
rng = np.random.default_rng(0)
latent = 4 * rng.normal(size=(50, 20))[rng.integers(50, size=60_000)]
latent += rng.normal(size=latent.shape)
x = latent @ rng.normal(size=(20, 784))
x = ((x - x.min()) / (x.max() - x.min())).astype(np.float32)
seconds = {}

def timed(name, model, rows=x):
    began = time.perf_counter()
    model.fit(rows)
    seconds[name] = time.perf_counter() - began
"""
LARGE = {
    "encoder": "from metaplastic import PlasticEncoder\n"
    "timed('PlasticEncoder, first fit', PlasticEncoder(random_state=0))\n"
    "timed('PlasticEncoder, second fit', PlasticEncoder(random_state=0))\n",
    "rbm": "from sklearn.neural_network import BernoulliRBM\n"
    "timed('BernoulliRBM, one pass', BernoulliRBM(32, n_iter=1, random_state=0))\n"
    "from sklearn.decomposition import PCA\n"
    "timed('PCA', PCA(32, random_state=0))\n",
    "umap": "import umap\n"
    "umap.UMAP(n_components=32, random_state=0).fit(x[:5000])\n"
    "timed('UMAP', umap.UMAP(n_components=32, random_state=0, n_jobs=1))\n",
}


def _run(code: str, cache: str, *, one_core: bool = False) -> str:
    """Run Python code in a process of its own; return its output."""
    path = os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": cache}
    pinned = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if one_core else []
    command = [*pinned, sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def small(repeats: int) -> dict[str, Any]:
    """Return the seconds of each process, and of the phases of one, with their medians."""
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as warm:
        _run(SMALL["PlasticEncoder, cached"], warm)
        for _ in range(repeats):
            for name, code in SMALL.items():
                with tempfile.TemporaryDirectory() as empty:
                    cache = warm if name.endswith("cached") else empty
                    began = time.perf_counter()
                    _run(code, cache)
                    seconds.setdefault(name, []).append(time.perf_counter() - began)
            with tempfile.TemporaryDirectory() as empty:
                for phase, value in json.loads(_run(PHASES, empty)).items():
                    seconds.setdefault(f"PlasticEncoder, {phase}", []).append(value)
    return {name: {"median": statistics.median(s), "runs": s} for name, s in seconds.items()}


def large() -> dict[str, float]:
    """Return the seconds of each fit, one run on one core."""
    seconds: dict[str, float] = {}
    for code in LARGE.values():
        with tempfile.TemporaryDirectory() as empty:
            output = _run(f"{_LARGE}{code}print(json.dumps(seconds))", empty, one_core=True)
        seconds |= json.loads(output.strip().splitlines()[-1])
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="processes of each kind")
    given = parser.parse_args(arguments)
    facts = {
        "kind": "first-fit",
        "format": 1,
        "machine": machine.describe([]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "load_before": round(os.getloadavg()[0], 2),
    }
    results = {**facts, "small": small(given.repeats), "large": large()}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for name, row in results["small"].items():
        print(f"500 x 20, {name}: {row['median']:.2f} s")
    for name, value in results["large"].items():
        print(f"60,000 x 784, {name}: {value:.1f} s")


if __name__ == "__main__":
    main()

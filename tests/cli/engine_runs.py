"""Runs of `meta-train` in processes of their own, for the tests of engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

STEPS = 12
LAST = f"checkpoints/step-{STEPS:09d}.safetensors"
# compiled without any optimisation, which the rule below bears
ENVIRONMENT = {
    **os.environ,
    "JAX_NUM_CPU_DEVICES": "1",
    "XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0",
}


# a rule that compiles in seconds; its two coefficients are meta-trained like any other θ
SETTINGS = [
    "--preset=quick", "--seed=5", "--checkpoint-seconds=0", "--set=rule.name=hebbian",
    "--set=validation.tasks=2", "--set=tasks.architectures.sides=[8]",
    "--set=tasks.architectures.units=[12]", "--set=tasks.architectures.n_features=[8]",
    "--set=tasks.n_classes=5", "--set=tasks.examples_per_class=8", "--set=tasks.labels_per_class=4",
    "--set=unroll.horizon=[4,6]", "--set=unroll.batch_size=16", "--set=validation.every=1000",
    "--set=estimator=truncated", "--set=unroll.truncation=[1,3]",
    "--set=tasks.architectures.layers=[2,2]",
]  # fmt: skip


def command_line(out: Path, *more: str) -> list[str]:
    steps = [] if any(m.startswith("--meta-steps") for m in more) else [f"--meta-steps={STEPS}"]
    return [sys.executable, "-m", "metaplastic", "meta-train", f"--out={out}", *SETTINGS, *steps,
            *more]  # fmt: skip


def started(out: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_line(out, *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def finished(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command_line(out, *more),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=ENVIRONMENT,
    )


def metrics_of(out: Path) -> list[dict]:
    file = out / "metrics.jsonl"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in lines]


def wait_for(steps: int, out: Path, *processes: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 600
    while len(metrics_of(out)) < steps and time.monotonic() < deadline:
        assert all(p.poll() is None for p in processes), processes[0].communicate()
        time.sleep(0.05)

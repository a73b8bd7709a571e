"""Time to load data sets: MNIST cold and cached, and a folder of 100,000 small images.

python benchmarks/data_loading.py --data-dir DIR [--images N] [--out FILE.json]

DIR holds MNIST's four published files. Each measurement runs in its own process, which excludes
imports from the time and gives the peak memory of the load. Recently written files are in the
system's file cache, so reading and decoding are measured, not the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

_LOAD = """
import json, resource, sys, time
from metaplastic.data import load
import numpy, scipy.sparse, PIL.Image, safetensors.numpy
address, data_dir = sys.argv[1], sys.argv[2] or None
reports = []
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
dataset = load(address, data_dir=data_dir, progress=lambda *report: reports.append(report))
seconds = time.perf_counter() - start
arrays = sum(split.inputs.nbytes for split in dataset.splits.values())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "seconds": round(seconds, 3),
    "examples": sum(len(split) for split in dataset.splits.values()),
    "arrays_mb": round(arrays / 1e6, 1),
    "peak_mb_above_imports": round((peak - before) * 1024 / 1e6, 1),
    "progress_reports": len(reports),
}))
"""


def _measure(address: str, data_dir: str, cache: Path) -> dict[str, float]:
    environment = {**os.environ, "METAPLASTIC_CACHE": str(cache)}
    command = [sys.executable, "-c", _LOAD, address, data_dir]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(output.stdout)


def _write_images(root: Path, count: int, side: int = 28, classes: int = 100) -> None:
    """Write PNG files of smooth noise, which compress about as well as drawings."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for index in range(count):
        folder = root / f"class{index % classes:03d}"
        if index < classes:
            folder.mkdir(parents=True)
        coarse = Image.fromarray(rng.integers(0, 256, (7, 7), dtype=np.uint8))
        file = BytesIO()
        coarse.resize((side, side), Image.Resampling.BILINEAR).save(file, "PNG")
        (folder / f"{index:06d}.png").write_bytes(file.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--data-dir", required=True, help="folder with MNIST's four published files"
    )
    parser.add_argument(
        "--images", type=int, default=100_000, help="number of images in the folder"
    )
    parser.add_argument("--out", type=Path, help="write the results to this file as JSON")
    arguments = parser.parse_args()
    results: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for state in ("cold", "cached"):
            results[f"mnist {state}"] = _measure("mnist", arguments.data_dir, folder / "cache")
        _write_images(folder / "images", arguments.images)
        for state in ("cold", "cached"):
            address = f"folder:{folder / 'images'}"
            results[f"folder {state}"] = _measure(address, "", folder / "cache")
    print(json.dumps(results, indent=2))
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

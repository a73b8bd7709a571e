"""A short neutral description of the machine and the package versions, without the host name."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any


def processor() -> str:
    """Return the processor's model as reported by the system."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        match = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if match:
            return match.group(1).strip()
    return platform.processor() or platform.machine()


def cores() -> list[int]:
    """Return the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def name(accelerators: list[str]) -> str:
    """Return a name such as `cpu2-amd-epyc` or `gpu1-nvidia-h200`, as used in file names."""
    words = accelerators[0] if accelerators else processor()
    words = re.sub(r"\((?:r|tm)\)|@.*|\b(?:cpu|processor|\d+-core)\b", "", words.lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", words)[:3])
    count = f"gpu{len(accelerators)}" if accelerators else f"cpu{len(cores())}"
    return f"{count}-{slug}"


def describe(accelerators: list[str]) -> dict[str, Any]:
    """Describe the machine for results files."""
    import importlib.metadata as packages

    versions = {}
    for package in ("jax", "jaxlib", "numpy", "torch", "equinox"):
        try:
            versions[package] = packages.version(package)
        except packages.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": processor(),
        "cores": len(cores()),
        "accelerators": accelerators,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }

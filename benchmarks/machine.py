"""A short neutral description of the machine, and the versions measured. Never a host's name."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any


def processor() -> str:
    """The processor's model, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found.group(1).strip()
    return platform.processor() or platform.machine()


def cores() -> list[int]:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def name(accelerators: list[str]) -> str:
    """Such as `cpu2-amd-epyc`, or `gpu1-nvidia-h200`: the part of a file name."""
    words = accelerators[0] if accelerators else processor()
    words = re.sub(r"\((?:r|tm)\)|@.*|\b(?:cpu|processor|\d+-core)\b", "", words.lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", words)[:3])
    count = f"gpu{len(accelerators)}" if accelerators else f"cpu{len(cores())}"
    return f"{count}-{slug}"


def describe(accelerators: list[str]) -> dict[str, Any]:
    """What the results say of the machine."""
    import importlib.metadata as packages

    found = {}
    for package in ("jax", "jaxlib", "numpy", "torch", "equinox"):
        try:
            found[package] = packages.version(package)
        except packages.PackageNotFoundError:
            found[package] = None
    return {
        "processor": processor(),
        "cores": len(cores()),
        "accelerators": accelerators,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": found,
    }

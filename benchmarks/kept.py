"""Results of trials, kept by name in one file: each run of a trial replaces its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def keep(path: Path, name: str, command: str, load: float, found: dict[str, Any]) -> None:
    """Write what a trial found, and print it. `load` is the machine's load average before it."""
    content = json.loads(path.read_text()) if path.exists() else {}
    content[name] = {"command": command, "cores": os.cpu_count(), "load_average": load, **found}
    print(name, json.dumps(content[name], indent=1), flush=True)
    path.write_text(json.dumps(content, indent=1) + "\n")

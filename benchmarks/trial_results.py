"""Results of trials, stored by name in one file; a new run of a trial replaces its results."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def save_trial(path: Path, name: str, command: str, load: float, results: dict[str, Any]) -> None:
    """Write and print the results of a trial; `load` is the load average before it."""
    content = json.loads(path.read_text()) if path.exists() else {}
    content[name] = {"command": command, "cores": os.cpu_count(), "load_average": load, **results}
    print(name, json.dumps(content[name], indent=1), flush=True)
    path.write_text(json.dumps(content, indent=1) + "\n")

"""`make bench`: the speed benchmarks, one after another."""

from __future__ import annotations

import runpy

for name in ("data_loading", "encoder"):
    print(f"== {name}", flush=True)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")

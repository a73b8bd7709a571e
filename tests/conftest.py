"""Two CPU devices for every test, strict numerics, and shapes checked at run time."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# one core a process: tests run side by side
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
# tests neither read nor write the caches of whoever runs them; side by side they share one
_CACHE = tempfile.TemporaryDirectory(prefix="metaplastic-tests-")
_FOLDER = os.environ.setdefault("METAPLASTIC_TEST_CACHE", _CACHE.name)
os.environ["XDG_CACHE_HOME"] = _FOLDER

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 2)
# what one test compiled, the next takes from disk
jax.config.update("jax_compilation_cache_dir", f"{_FOLDER}/compiled")
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.config.update("jax_numpy_rank_promotion", "raise")

REAL_DATA = Path(
    os.environ.get(
        "METAPLASTIC_TEST_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"
    )
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of published data sets; the test is skipped where it is missing."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no published data sets: neither METAPLASTIC_TEST_DATA nor {REAL_DATA}")
    return REAL_DATA

"""Two CPU devices for every test, strict numerics, and a bound on memory: compiled programs are
kept on disk, and those in memory are released when there are many."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")


def _knows(flag: str) -> bool:
    """Whether XLA has a flag: an unknown one ends the process."""
    spec = importlib.util.find_spec("jaxlib")
    for path in Path(spec.origin or "").parent.glob("libjax_common.*") if spec else ():
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            return held.find(flag.encode()) >= 0
    return False


# one core a process: tests run side by side
_FLAGS = ["--xla_cpu_multi_thread_eigen=false"]
# half of the time to compile, which is most of what tests take; without any optimisation gradients
# of rule `local` come out as NaN
_FLAGS.append("--xla_backend_optimization_level=1")
if "XLA_FLAGS" not in os.environ and _knows("xla_cpu_use_fusion_emitters"):
    _FLAGS.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(_FLAGS))
# tests use neither the user's caches nor write to them; parallel tests share one
_CACHE = tempfile.TemporaryDirectory(prefix="metaplastic-tests-")
_FOLDER = os.environ.setdefault("METAPLASTIC_TEST_CACHE", _CACHE.name)
os.environ["XDG_CACHE_HOME"] = _FOLDER

# tests, and the commands that they start, take from disk what another compiled
os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{_FOLDER}/compiled"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.02"
# a slow machine must not add lines of progress to what commands are tested to print
os.environ.setdefault("METAPLASTIC_PROGRESS", "off")

import equinox as eqx
import jax
import pytest
from jaxtyping import install_import_hook

_FOUND = importlib.util.find_spec("metaplastic")
SOURCE = Path((_FOUND and _FOUND.origin) or __file__).parent  # in a checkout, or installed


def annotated_modules() -> list[str]:
    """Modules that annotate shapes: they import jaxtyping. A package's own file is left out, since
    its name would stand for all in the package."""
    return [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        for path in sorted(SOURCE.rglob("*.py"))
        if path.stem != "__init__" and "from jaxtyping import" in path.read_text(encoding="utf-8")
    ]


# there every annotation, of shapes, dtypes and all else, is checked at every call
install_import_hook(annotated_modules(), "beartype.beartype")

jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")

# bytes of a process beyond which freed memory is given back, and compiled programs are released
LITTLE_MEMORY, MOST_MEMORY = 0.8e9, 1.2e9
# the slowest modules, which are started first so that none is left to one worker at the end
LONGEST = (
    "registries/test_rules.py",
    "registries/test_studies.py",
    "registries/test_baselines.py",
    "registries/test_estimators.py",
    "cli/test_meta_train.py",
    "cli/test_engines.py",
    "meta/test_trainer.py",
    "meta/test_gradients.py",
    "meta/test_learning.py",
    "cli/test_stages.py",
    "meta/test_compiled_once.py",
    "evaluation/test_studies.py",
    "encoder/test_scikit_learn.py",
    "evaluation/test_baselines.py",
    "meta/test_memory.py",
    "rules/test_grow.py",
    "rules/test_local.py",
    "cli/test_study.py",
    "benchmarks/test_contest_baselines.py",
    "encoder/test_estimator.py",
)

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first; `make test` gives whole modules to its workers in this order."""
    place = {Path(__file__).parent / name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


def _memory() -> float:
    """Bytes that this process holds, without mapped files, of which libraries alone are half a
    gigabyte; zero where the system does not say."""
    try:
        _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    except (OSError, ValueError):
        return 0.0
    return float(resident - shared) * os.sysconf("SC_PAGE_SIZE")


def _return_freed_memory() -> None:
    """Give back what is free: glibc keeps hundreds of megabytes after each compilation."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """Keep the process small after each test, and its compiled programs as long as they fit."""
    yield
    if _memory() > LITTLE_MEMORY:
        _return_freed_memory()
    if _memory() > MOST_MEMORY:
        if programs := sys.modules.get("metaplastic.meta.engines.programs"):
            programs.forget()
        eqx.clear_caches()
        jax.clear_caches()
        gc.collect()
        _return_freed_memory()

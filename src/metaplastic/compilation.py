"""Compilation: a cache on disk, and quick compilation of programs that run for seconds."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from metaplastic.garbage import not_collected

F = TypeVar("F", bound=Callable[..., Any])

# options of XLA on CPUs: its older code generator and few LLVM passes. An inner step compiles in a
# third of the time and runs as fast. With no passes (level 0) it compiles in a tenth, but runs
# three times as slowly, and gradients of rule `local` become NaN
_QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}
_QUICKEST = {**_QUICK, "xla_backend_optimization_level": 0}

DAMAGED_PROGRAM = "Error reading persistent compilation cache entry"  # begins a warning of JAX


def use_compilation_cache() -> None:
    """Cache compiled programs on disk, so that a second process with the same shapes starts at
    once.

    The cache is `metaplastic/compiled` in the user's cache directory. JAX's environment variables
    and configuration take precedence; JAX_ENABLE_COMPILATION_CACHE=false turns it off.
    """
    import jax

    if (
        "JAX_COMPILATION_CACHE_DIR" not in os.environ
        and jax.config.jax_compilation_cache_dir is None  # pyright: ignore
    ):
        folder = _own_cache()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return  # without a writable home, programs are compiled again each time
        jax.config.update("jax_compilation_cache_dir", str(folder))
        if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)


def empty_compilation_cache() -> bool:
    """Remove all programs from the package's own cache; return whether it is the one in use.

    JAX does not write its files in one step, and never replaces one that cannot be read, such as
    one cut off by a full disk.
    """
    import jax

    folder = _own_cache()
    if jax.config.jax_compilation_cache_dir != str(folder):  # pyright: ignore
        return False
    for path in folder.glob("*-cache"):
        with suppress(OSError):  # another process may have removed it
            path.unlink()
    return True


def _own_cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("metaplastic") / "compiled"


def quick_jit(function: F) -> F:
    """Jit a function like `equinox.filter_jit`, compiling quickly on CPUs if XLA supports it.

    Meant for programs that run for seconds, such as the steps of one fit; programs that run for
    hours are better compiled with XLA's defaults.
    """
    return _jit_with(function, _QUICK)


def quickest_jit(function: F) -> F:
    """Jit a small function like `quick_jit`, without any optimisation.

    Floating-point numbers may differ in the last bit from those of other levels; integers do not.
    """
    return _jit_with(function, _QUICKEST)


def _jit_with(function: F, options: Mapping[str, Any]) -> F:
    @functools.cache
    def jitted() -> Any:
        import equinox as eqx

        supported: Any = {"compiler_options": dict(options)} if _supports_quick() else {}
        return eqx.filter_jit(function, **supported)

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        with not_collected():  # the first call traces and compiles
            return jitted()(*args)

    return call  # pyright: ignore


@functools.cache
def _supports_quick() -> bool:
    import jax

    if jax.default_backend() != "cpu":
        return False
    try:
        jax.jit(lambda: 0.0, compiler_options=_QUICK).lower().compile()
    except Exception:  # the error's type for an unknown option depends on the version
        return False
    return True

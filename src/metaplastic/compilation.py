"""Compiled programs: kept on disk, and compiled quickly where they run for seconds."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# of XLA on processors: its older code generator, and few passes of LLVM. A third of the time to
# compile an inner step, which then runs as fast. With no passes (level 0) a tenth, but steps
# take three times as long, and gradients of rule `local` come out as NaN
_QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}


def use_compilation_cache() -> None:
    """Keep compiled programs on disk, so that a second process with the same shapes starts at once.

    They are in the user's cache directory, `metaplastic/compiled`. JAX's own environment variables
    and configuration take precedence; JAX_ENABLE_COMPILATION_CACHE=false keeps nothing.
    """
    import jax
    import platformdirs

    if (
        "JAX_COMPILATION_CACHE_DIR" not in os.environ
        and jax.config.jax_compilation_cache_dir is None  # pyright: ignore
    ):
        folder = platformdirs.user_cache_path("metaplastic") / "compiled"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return  # a read-only home costs time, nothing else
        jax.config.update("jax_compilation_cache_dir", str(folder))
        if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def quick_jit(function: F) -> F:
    """`equinox.filter_jit` that compiles quickly on a processor, where XLA has the options.

    For programs that run for seconds, as the steps of one fit do; those that run for hours are
    better left to XLA's own choice.
    """

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return _jitted(function)(*args)

    return call  # pyright: ignore


@functools.cache
def _jitted(function: Callable[..., Any]) -> Any:
    import equinox as eqx

    options: Any = {"compiler_options": _QUICK} if _has_quick() else {}
    return eqx.filter_jit(function, **options)


@functools.cache
def _has_quick() -> bool:
    import jax

    if jax.default_backend() != "cpu":
        return False
    try:
        jax.jit(lambda: 0.0, compiler_options=_QUICK).lower().compile()
    except Exception:  # of whatever type an unknown option is met with
        return False
    return True

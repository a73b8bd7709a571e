"""Compiled programs: kept on disk, and compiled quickly where they run for seconds."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# of XLA on processors: its older code generator, and few passes of LLVM. A third of the time to
# compile an inner step, which then runs as fast
_QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}
# no passes at all: an inner step would take three times as long
_AT_ONCE = {**_QUICK, "xla_backend_optimization_level": 0}


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
    return _with_options(function, _QUICK)


def jit_at_once(function: F) -> F:
    """As `quick_jit`, quicker still and with slow programs: for what runs a few times."""
    return _with_options(function, _AT_ONCE)


def _with_options(function: F, options: dict[str, Any]) -> F:
    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return _jitted(function, tuple(options.items()))(*args)

    return call  # pyright: ignore


@functools.cache
def _jitted(function: Callable[..., Any], options: tuple[tuple[str, Any], ...]) -> Any:
    import equinox as eqx

    more: Any = {"compiler_options": dict(options)} if _has_options() else {}
    return eqx.filter_jit(function, **more)


@functools.cache
def _has_options() -> bool:
    import jax

    if jax.default_backend() != "cpu":
        return False
    try:
        jax.jit(lambda: 0.0, compiler_options=_AT_ONCE).lower().compile()
    except Exception:  # of whatever type an unknown option is met with
        return False
    return True

"""Detect forks after JAX was used: a forked child that uses JAX waits forever for its parent's
threads.

Importing this module, which is cheap, registers the hook that detects later forks.
"""

from __future__ import annotations

import os
import sys

from metaplastic.errors import ConfigError

_unusable = False


def _in_child() -> None:
    global _unusable
    bridge = sys.modules.get("jax._src.xla_bridge")  # JAX has no public way to ask
    _unusable = _unusable or bool(getattr(bridge, "_backends", None))


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_in_child)


def refuse_after_fork() -> None:
    """Raise `ConfigError` in a process forked from one in which JAX had already computed."""
    if _unusable:
        raise ConfigError(
            "this process was forked from one that had already used JAX, so JAX would hang here; "
            "start processes with multiprocessing.get_context('spawn') or joblib's default "
            "backend, loky (transform and PlasticEncoder.load also work in forked processes)"
        )

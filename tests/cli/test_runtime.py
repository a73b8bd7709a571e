"""What every command sets up: interrupts that get through, and compiled programs kept on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jax
import pytest

from metaplastic.cli import ending
from metaplastic.compilation import DAMAGED_PROGRAM, use_compilation_cache

DROPPED = """
import gc, os, signal, threading, time
from metaplastic.cli.runtime import keep_interrupts

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
start = threading.Thread.start
def slow(thread):  # as on loaded cores, the main thread is still at it long after
    os.write(1, b"dropped\\n")  # only the hook starts a thread
    start(thread)
    time.sleep(1.0)
threading.Thread.start = slow
keep_interrupts()
def callback(phase, info):
    gc.callbacks.remove(callback)
    signal.raise_signal(signal.SIGINT)
gc.callbacks.append(callback)
try:
    gc.collect()  # drops it; it comes again at any moment after
    for _ in range(300):  # a signal just before a sleep begins is only seen after it
        time.sleep(0.1)
except KeyboardInterrupt:
    print("raised again")
"""


def test_an_interrupt_dropped_in_a_garbage_collection_is_raised_again():
    done = subprocess.run(
        [sys.executable, "-c", DROPPED], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.split("\n")[:2] == ["dropped", "raised again"], done.stderr
    assert "Traceback" not in done.stderr


def test_other_dropped_exceptions_are_told_as_before():
    code = (
        "from metaplastic.cli.runtime import keep_interrupts\nkeep_interrupts()\n"
        "class Bad:\n    def __del__(self): raise ValueError('told')\nBad()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0
    assert "ValueError: told" in done.stderr


def test_a_damaged_program_empties_the_packages_own_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    own, other = tmp_path / "metaplastic" / "compiled", tmp_path / "other"
    before = jax.config.jax_compilation_cache_dir
    said = f"{DAMAGED_PROGRAM} for 'jit_f': EOFError: truncated"
    try:
        for folder in (own, other):
            folder.mkdir(parents=True)
            (folder / "jit_f-cache").write_bytes(b"cut off")
            jax.config.update("jax_compilation_cache_dir", str(folder))
            ending._show_warning(said)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
    assert list(own.iterdir()) == []
    assert len(list(other.iterdir())) == 1  # the user's own
    emptied, unchanged = capsys.readouterr().err.splitlines()
    assert "the cache is emptied and filled anew" in emptied
    assert unchanged == f"metaplastic: warning: {said}"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"}),
        ({"TIME": "0.5"}, {"jax_compilation_cache_dir"}),
        ({"DIR": "/mine"}, set()),
    ],
)
def test_what_the_user_set_of_the_compilation_cache_stands(
    given: dict[str, str], wanted: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {
        "DIR": "JAX_COMPILATION_CACHE_DIR",
        "TIME": "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
    }
    for short, name in names.items():
        monkeypatch.delenv(name, raising=False)
        if short in given:
            monkeypatch.setenv(name, given[short])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    changed = {}
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(jax.config, "update", changed.__setitem__)
            use_compilation_cache()
        assert set(changed) == wanted
        # a program that has a cache of its own keeps it
        jax.config.update("jax_compilation_cache_dir", str(tmp_path))
        use_compilation_cache()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)

"""What is set for the threads of a process that computes."""

import os
import subprocess
import sys

import pytest

CORES = os.cpu_count() or 1
THREADS = 8 * CORES + 8  # more than the default number of heaps

# so many threads hold memory at the same time; prints how many heaps they use
PROGRAM = f"""
import ctypes, re, tempfile, threading
if {{set_up}}:
    from metaplastic.threads import one_thread_per_operation
    one_thread_per_operation()
barrier = threading.Barrier({THREADS})
def hold():
    held = [bytearray(2000) for _ in range(100)]
    barrier.wait()
threads = [threading.Thread(target=hold) for _ in range({THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(library.fopen(file.name.encode(), b"w"))
    library.malloc_info(0, stream)
    library.fclose(stream)
    print(len(re.findall("<heap nr", open(file.name).read())))
"""


def heaps(set_up, **environment):
    kept = {k: v for k, v in os.environ.items() if k not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")}
    program = PROGRAM.replace("{set_up}", str(set_up))
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(
    CORES > 16 or "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}),
    reason="needs glibc, and at most 16 cores for its number of threads",
)
def test_every_thread_has_a_heap_of_its_own():
    assert heaps(set_up=False) <= 8 * CORES + 1  # else this test shows nothing
    assert heaps(set_up=True) >= THREADS
    assert heaps(set_up=True, MALLOC_ARENA_MAX="2") <= 2  # the user's choice


def test_what_the_user_set_for_xla_is_kept(monkeypatch):
    from metaplastic.threads import one_thread_per_operation

    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_use_onednn=false")
    one_thread_per_operation()
    assert os.environ["XLA_FLAGS"] == "--xla_cpu_use_onednn=false"
    monkeypatch.delenv("XLA_FLAGS")
    one_thread_per_operation()
    assert os.environ["XLA_FLAGS"] == "--xla_cpu_multi_thread_eigen=false"

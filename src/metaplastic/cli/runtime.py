"""What every command that computes sets up first."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, FunctionType

# set for the processes that a command starts: what was typed
TYPED = "METAPLASTIC_COMMAND"


def command_line() -> str:
    """The command as it was typed, for a rule's card."""
    typed = os.environ.get(TYPED) or shlex.join(["metaplastic", *sys.argv[1:]])
    # a file's name need not be text, a card must
    return typed.encode("utf-8", "replace").decode()


def one_thread_per_operation() -> None:
    """Keep XLA from splitting each operation over the cores.

    The arrays of an inner loop are small: the fork and join of every operation cost more than a
    second core saves (docs/performance.md). Must come before JAX's first use; what the user set in
    XLA_FLAGS takes precedence.
    """
    if "XLA_FLAGS" not in os.environ:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"


def keep_interrupts() -> None:
    """Raise an interrupt again that came where Python drops exceptions.

    JAX has a callback in every garbage collection; a `KeyboardInterrupt` raised there, or in a
    `__del__`, is printed and forgotten, and the command would go on.
    """
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Thread(target=raise_again, daemon=True).start()
        else:
            before(unraisable)

    def raise_again() -> None:
        # raised inside the hook it would be dropped too
        while _runs(hook):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    sys.unraisablehook = hook


def _runs(function: FunctionType) -> bool:
    """Whether the main thread is inside `function`."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame is not None


class StopSignals:
    """Turns the first interrupt or SIGTERM into a wish to stop; the second ends at once."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self.received: signal.Signals | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.received is not None:
            sys.exit(128 + number)
        self.received = signal.Signals(number)
        self._announce(
            f"{self.received.name}: finishing this meta-step, then saving (again to quit at once)"
        )

    def __call__(self) -> bool:
        return self.received is not None

    @property
    def status(self) -> int:
        """The exit status, which says which signal ended the process."""
        return 128 + self.received if self.received else 0

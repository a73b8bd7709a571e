"""Set-up of the process for commands: the command as typed, interrupts and signals."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, FunctionType

# the command as the user typed it, for processes that a command starts
TYPED = "METAPLASTIC_COMMAND"


def command_line() -> str:
    """Return the command as the user typed it, for a rule's card."""
    typed = os.environ.get(TYPED) or shlex.join(["metaplastic", *sys.argv[1:]])
    # file names may be invalid Unicode, cards may not
    return typed.encode("utf-8", "replace").decode()


def keep_interrupts() -> None:
    """Re-raise an interrupt that arrives where Python ignores exceptions.

    JAX has a callback in every garbage collection; a `KeyboardInterrupt` raised there, or in a
    `__del__`, is printed and ignored, and the command would continue.
    """
    previous_hook = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Thread(target=raise_again, daemon=True).start()
        else:
            previous_hook(unraisable)

    def raise_again() -> None:
        # raised inside the hook it would be ignored too
        while _runs(hook):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    sys.unraisablehook = hook


def _runs(function: FunctionType) -> bool:
    """Return whether the main thread is inside `function`."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame is not None


class StopSignals:
    """Turns the first interrupt or SIGTERM into a request to stop; the second exits at once."""

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
        """The exit status, which shows the signal that ended the process."""
        return 128 + self.received if self.received else 0

"""Locks a directory, so that only one live process writes to it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from metaplastic import files
from metaplastic.errors import RunError

LOCK, PID = ".lock", ".pid"


class Claim:
    """A locked directory. Release it, or give it up if the work in it failed at the start."""

    def __init__(self, path: Path) -> None:
        """Create the directory if it is missing, and lock it.

        Raises `RunError` if a live process has locked it or it is not writable.
        """
        self.path = path
        self._made = [p for p in (path, *path.parents) if not os.path.lexists(p)]
        files.make_folder(path, RunError)
        self._lock = FileLock(path / LOCK)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise RunError(
                f"{str(path)!r} is in use by a live process (pid {_read_pid(path)}); "
                "wait for it, or stop it"
            ) from None
        except (OSError, NotImplementedError) as error:
            raise RunError(f"cannot lock {str(path)!r}: {error}") from None
        files.write(path / PID, str(os.getpid()).encode(), RunError)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def give_up(self, paths: Iterable[Path]) -> None:
        """Release the lock and remove what a failed start left: these files, these folders if they
        are empty, and the directory and its parents if they were created for it and are empty."""
        for path in [*paths, self.path / PID, self.path / LOCK]:
            _remove(path)
        self._lock.release()
        for path in self._made:  # the directory before its parents
            _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_symlink():
            return  # made by the user
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def _read_pid(path: Path) -> str:
    with suppress(OSError):
        return files.show((path / PID).read_text(encoding="utf-8", errors="replace")[:20])
    return "?"

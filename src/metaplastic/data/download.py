"""Fetch published files: resumed, retried, checked, and never half there.

pooch checks the hash and puts the file in place; the downloader below keeps what came so far in
NAME.part beside it, and asks the server only for the rest.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from metaplastic.data.locate import cache_dir, user_path
from metaplastic.data.source import Remote, Source
from metaplastic.errors import DataError
from metaplastic.progress import Progress, silent

# Small, since an unfinished chunk is lost when the transfer breaks off.
_CHUNK = 1 << 12
_REPORT = 1 << 18  # bytes between reports of progress


@dataclass(frozen=True)
class Patience:
    """Seconds to wait for a connection and for the next bytes; attempts, and seconds between.

    The wait doubles from one attempt to the next; one that brought bytes restarts the count.
    """

    connect: float = 15.0
    read: float = 30.0
    attempts: int = 3
    wait: float = 1.0


PATIENCE = Patience()


def fetch(
    source: Source,
    data_dir: Path | str | None = None,
    *,
    progress: Progress = silent,
    patience: Patience = PATIENCE,
) -> list[Path]:
    """Download a data set's published files into data_dir/NAME, or into the cache directory.

    Files that are there already with the right checksum are left alone. Raises DataError where a
    file cannot be had, naming the address, and for a data set that needs no download.
    """
    if not source.files:
        raise DataError(f"{source.name} needs no download; load it by name")
    base = cache_dir() / "data" if data_dir is None else user_path(data_dir)
    folder = base / source.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the directory {folder} ({error.strerror or error}); "
            "choose another by --data-dir"
        ) from error
    return [fetch_file(remote, folder, progress, patience) for remote in source.files]


def fetch_file(
    remote: Remote, folder: Path, progress: Progress = silent, patience: Patience = PATIENCE
) -> Path:
    """One file, from the first of its addresses that gives it whole."""
    problems: list[str] = []
    progress(f"fetching {remote.name}")
    for url in remote.urls:
        try:
            return _retrieve(remote, url, folder, progress, patience)
        except _Failed as error:
            problems.append(f"{url}: {error}")
    raise DataError(
        f"could not fetch {remote.name} ({'; '.join(problems)}); check the connection and run the "
        f"command again, or put the file into {folder} by hand"
    )


class _Failed(Exception):
    """Why one address did not give the file."""


def _retrieve(
    remote: Remote, url: str, folder: Path, progress: Progress, patience: Patience
) -> Path:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    # pooch's own type for downloaders does not fit how it calls them.
    downloader: Any = Resuming(folder / f"{remote.name}.part", remote, progress, patience)
    while True:
        try:
            found = pooch.retrieve(
                url,
                known_hash=remote.checksum,
                fname=remote.name,
                path=folder,
                downloader=downloader,
            )
        except ValueError as error:  # pooch's word for a hash that does not match
            if downloader.resumed:  # the part may stem from another version: once more, whole
                downloader.start_over()
                continue
            raise _Failed(
                f"what it sends has not the published checksum {remote.checksum}; nothing was kept"
            ) from error
        except OSError as error:
            raise _Failed(f"cannot write ({error.strerror or error})") from error
        finally:
            downloader.tidy()
        return Path(found)


class Resuming:
    """A pooch downloader that resumes where an earlier attempt, or run, was cut off."""

    def __init__(self, part: Path, remote: Remote, progress: Progress, patience: Patience) -> None:
        self._part, self._remote = part, remote
        self._progress, self._patience = progress, patience
        self.resumed = False
        self._complete = False

    def start_over(self) -> None:
        self._part.unlink(missing_ok=True)
        self.resumed = self._complete = False

    def tidy(self) -> None:
        """Remove the part where it was complete; what was cut off stays to be resumed."""
        if self._complete:
            self._part.unlink(missing_ok=True)

    def __call__(self, url: str, output_file: str | Path | IO[bytes], pooch: Any) -> None:
        """Bring the part to completion, then move it to where pooch wants it."""
        failures = 0
        while True:
            before = self._size()
            try:
                self._attempt(url)
                break
            except _Retry as error:
                failures = 1 if self._size() > before else failures + 1
                wait = min(self._patience.wait * 2 ** (failures - 1), 30.0)
                if failures >= self._patience.attempts:
                    raise _Failed(f"{error} (after {failures} attempts)") from error
                time.sleep(wait)
        self._complete = True
        if isinstance(output_file, str | Path):
            self._part.replace(output_file)
        else:
            output_file.write(self._part.read_bytes())

    def _size(self) -> int:
        with contextlib.suppress(OSError):
            return self._part.stat().st_size
        return 0

    def _attempt(self, url: str) -> None:
        import requests

        have = self._size()
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        timeout = (self._patience.connect, self._patience.read)
        try:
            with requests.get(url, stream=True, timeout=timeout, headers=headers) as response:
                self._receive(response, have)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _Retry(_reason(error, url)) from error
        except requests.RequestException as error:
            raise _Retry(f"the transfer broke off ({type(error).__name__})") from error

    def _receive(self, response: Any, have: int) -> None:
        status = response.status_code
        if status == 416 and have:  # the part is at least as long as the file
            total = response.headers.get("Content-Range", "").rpartition("/")[2]
            self.resumed = True
            if total == str(have):
                return
            self._part.unlink(missing_ok=True)
            raise _Retry("the file has another length than before")
        if status in (408, 429) or status >= 500:
            raise _Retry(f"the server answers {status}")
        if status not in (200, 206):
            raise _Failed(f"the server answers {status} {response.reason}")
        going_on = status == 206 and have > 0
        if going_on and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            self._part.unlink(missing_ok=True)
            raise _Retry("the server sent another range than asked for")
        self.resumed = self.resumed or going_on
        done = have if going_on else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else self._remote.size
        what = f"fetching {self._remote.name}"
        with self._part.open("ab" if going_on else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                if done // _REPORT != (done + len(chunk)) // _REPORT:
                    self._progress(what, done + len(chunk), total, "bytes")
                done += len(chunk)
        self._progress(what, done, total, "bytes")
        if total is not None and done < total:
            raise _Retry(f"the transfer broke off after {done} of {total} bytes")


class _Retry(Exception):
    """A failure that may pass."""


def _reason(error: Exception, url: str) -> str:
    import requests

    host = urlsplit(url).hostname or url
    if isinstance(error, requests.Timeout):
        return f"no answer from {host} in time"
    if "IncompleteRead" in str(error) or "Connection broken" in str(error):
        return "the transfer broke off"
    return f"cannot reach {host}"

"""Fetch published files: resumed, retried, verified, and never left incomplete.

pooch checks the hash and moves the file to its path; the downloader below stores the bytes received
so far in NAME.part beside it, and asks the server only for the remaining ones.
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

# Small, since an incomplete chunk is lost when the transfer breaks off.
_CHUNK = 1 << 12
_REPORT = 1 << 18  # bytes between reports of progress


@dataclass(frozen=True)
class Patience:
    """Seconds to wait for a connection and for the next bytes; attempts, and seconds between them.

    The wait doubles from one attempt to the next; one that received bytes restarts the count.
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

    Existing files with the right checksum are left alone. Raises DataError if a file cannot be
    fetched, naming the address, and for a data set that needs no download.
    """
    if not source.files:
        raise DataError(f"{source.name} needs no download; load it by name")
    base = cache_dir() / "data" if data_dir is None else user_path(data_dir)
    folder = base / source.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot create the directory {folder} ({error.strerror or error}); "
            "choose another with --data-dir"
        ) from error
    return [fetch_file(remote, folder, progress, patience) for remote in source.files]


def fetch_file(
    remote: Remote, folder: Path, progress: Progress = silent, patience: Patience = PATIENCE
) -> Path:
    """Fetch one file, from the first of its addresses that serves it completely."""
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
    """The reason why one address did not provide the file."""


def _retrieve(
    remote: Remote, url: str, folder: Path, progress: Progress, patience: Patience
) -> Path:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    # pooch's type annotation for downloaders does not match how it calls them.
    downloader: Any = Resuming(folder / f"{remote.name}.part", remote, progress, patience)
    while True:
        try:
            path = pooch.retrieve(
                url,
                known_hash=remote.checksum,
                fname=remote.name,
                path=folder,
                downloader=downloader,
            )
        except ValueError as error:  # how pooch reports a hash that does not match
            if downloader.resumed:  # the part may be of another version: download it all again
                downloader.start_over()
                continue
            raise _Failed(
                f"it does not match the published checksum {remote.checksum}; nothing was kept"
            ) from error
        except OSError as error:
            raise _Failed(f"cannot write ({error.strerror or error})") from error
        finally:
            downloader.tidy()
        return Path(path)


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
        """Remove the part file if it was complete; an incomplete one is kept to be resumed."""
        if self._complete:
            self._part.unlink(missing_ok=True)

    def __call__(self, url: str, output_file: str | Path | IO[bytes], pooch: Any) -> None:
        """Complete the part file, then move it to `output_file`."""
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
            raise _Retry("the length of the file has changed")
        if status in (408, 429) or status >= 500:
            raise _Retry(f"the server answers {status}")
        if status not in (200, 206):
            raise _Failed(f"the server answers {status} {response.reason}")
        resuming = status == 206 and have > 0
        if resuming and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            self._part.unlink(missing_ok=True)
            raise _Retry("the server sent a different range from the one requested")
        self.resumed = self.resumed or resuming
        done = have if resuming else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else self._remote.size
        message = f"fetching {self._remote.name}"
        with self._part.open("ab" if resuming else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                if done // _REPORT != (done + len(chunk)) // _REPORT:
                    self._progress(message, done + len(chunk), total, "bytes")
                done += len(chunk)
        self._progress(message, done, total, "bytes")
        if total is not None and done < total:
            raise _Retry(f"the transfer broke off after {done} of {total} bytes")


class _Retry(Exception):
    """A failure that may be temporary."""


def _reason(error: Exception, url: str) -> str:
    import requests

    host = urlsplit(url).hostname or url
    if isinstance(error, requests.Timeout):
        return f"no answer from {host} in time"
    if "IncompleteRead" in str(error) or "Connection broken" in str(error):
        return "the transfer broke off"
    return f"cannot reach {host}"

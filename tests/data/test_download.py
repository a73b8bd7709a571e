"""Downloads from a local server: complete, cut off, wrong hash, missing, slow, unreachable."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metaplastic.data.dataset import Card
from metaplastic.data.download import Patience, fetch, fetch_file
from metaplastic.data.source import Remote, Source
from metaplastic.errors import DataError

DATA = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
SHA = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
PATIENCE = Patience(connect=2, read=1, attempts=3, wait=0.01)


@dataclass
class Site:
    """The behaviour of the server, and the requests it received."""

    url: str = ""
    data: bytes = DATA
    ranges: bool = True
    cut: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    statuses: list[int] = field(default_factory=list)  # statuses of the next answers
    stall: list[int] = field(default_factory=list)  # bytes after which the next answers stall
    chunked: bool = False
    asked: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.asked.append(asked)
            if self.path != "/file.bin":
                self.send_error(404)
                return
            if site.statuses:
                self.send_error(site.statuses.pop(0))
                return
            start = 0
            if asked and site.ranges:
                match = re.match(r"bytes=(\d+)-$", asked)
                assert match is not None
                start = int(match[1])
                if start >= len(site.data):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(site.data)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                end = len(site.data) - 1
                self.send_header("Content-Range", f"bytes {start}-{end}/{len(site.data)}")
            else:
                self.send_response(200)
            if not site.chunked:
                self.send_header("Content-Length", str(len(site.data) - start))
            self.send_header("Connection", "close")
            self.close_connection = True
            self.end_headers()
            body = site.data[start:]
            if site.cut:
                self.wfile.write(body[: site.cut.pop(0)])
                return
            if site.stall:
                self.wfile.write(body[: site.stall.pop(0)])
                self.wfile.flush()
                site.released.wait(20)
                return
            self.wfile.write(body)

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    site.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def _remote(site: Site, checksum: str = SHA, *others: str) -> Remote:
    return Remote("file.bin", (*others, site.url), checksum, len(DATA))


def _get(site: Site, folder: Path, checksum: str = SHA) -> Path:
    return fetch_file(_remote(site, checksum), folder, patience=PATIENCE)


def test_a_complete_download(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[Any, ...]] = []
    path = fetch_file(_remote(site), tmp_path, lambda *report: seen.append(report), PATIENCE)
    assert path == tmp_path / "file.bin"
    assert path.read_bytes() == DATA
    assert list(tmp_path.iterdir()) == [path]  # no temporary file is left
    assert seen[0] == ("fetching file.bin",)
    assert seen[-1] == ("fetching file.bin", len(DATA), len(DATA), "bytes")
    assert [report[1] for report in seen[1:]] == sorted(report[1] for report in seen[1:])


def test_an_existing_file_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    _get(site, tmp_path)
    _get(site, tmp_path)
    assert len(site.asked) == 1


def test_a_damaged_file_is_fetched_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(DATA[:-1])
    assert _get(site, tmp_path).read_bytes() == DATA


def test_md5(site: Site, tmp_path: Path) -> None:
    checksum = f"md5:{hashlib.md5(DATA).hexdigest()}"
    assert _get(site, tmp_path, checksum).read_bytes() == DATA


def test_a_download_cut_off_in_the_middle_is_resumed(site: Site, tmp_path: Path) -> None:
    site.cut = [102_400, 49_152]
    assert _get(site, tmp_path).read_bytes() == DATA
    assert site.asked == [None, "bytes=102400-", "bytes=151552-"]


def test_progress_restarts_the_count_of_attempts(site: Site, tmp_path: Path) -> None:
    site.cut = [10_000] * 20  # far more interruptions than attempts, but each delivers bytes
    assert _get(site, tmp_path).read_bytes() == DATA


def test_a_later_run_resumes_where_an_earlier_one_was_cut_off(site: Site, tmp_path: Path) -> None:
    site.cut = [122_880, 0, 0, 0, 0]
    with pytest.raises(DataError, match="broke off"):
        _get(site, tmp_path)
    assert not (tmp_path / "file.bin").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin.part"]
    site.cut, site.asked = [], []
    assert _get(site, tmp_path).read_bytes() == DATA
    assert site.asked == ["bytes=122880-"]
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_a_part_that_is_already_complete(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(DATA)
    assert _get(site, tmp_path).read_bytes() == DATA


def test_a_part_of_another_version_is_discarded(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    assert _get(site, tmp_path).read_bytes() == DATA
    (tmp_path / "file.bin").unlink()
    (tmp_path / "file.bin.part").write_bytes(DATA + b"more")
    assert _get(site, tmp_path).read_bytes() == DATA


def test_a_server_that_cannot_resume(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    site.cut = [100_000]
    assert _get(site, tmp_path).read_bytes() == DATA


def test_a_server_that_does_not_send_the_length(site: Site, tmp_path: Path) -> None:
    site.chunked = True
    assert _get(site, tmp_path).read_bytes() == DATA
    (tmp_path / "file.bin").unlink()
    site.cut = [100_000]  # closes early, which only the known size reveals
    assert _get(site, tmp_path).read_bytes() == DATA


def test_wrong_hash(site: Site, tmp_path: Path) -> None:
    site.data = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(DataError, match="does not match the published checksum sha256:") as caught:
        _get(site, tmp_path)
    assert site.url in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_404(site: Site, tmp_path: Path) -> None:
    remote = Remote("file.bin", (site.url.replace("file.bin", "gone.bin"),), SHA)
    with pytest.raises(DataError, match=r"the server answers 404 .*by hand"):
        fetch_file(remote, tmp_path, patience=PATIENCE)
    assert len(site.asked) == 1  # not retried
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_failure_is_retried(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 500]
    assert _get(site, tmp_path).read_bytes() == DATA
    site.statuses, site.asked = [503] * 9, []
    (tmp_path / "file.bin").unlink()
    with pytest.raises(DataError, match=r"answers 503 \(after 3 attempts\)"):
        _get(site, tmp_path)
    assert len(site.asked) == 3


def test_the_next_address_is_tried(site: Site, tmp_path: Path) -> None:
    gone = site.url.replace("file.bin", "gone/file.bin")
    path = fetch_file(_remote(site, SHA, gone), tmp_path, patience=PATIENCE)
    assert path.read_bytes() == DATA


def test_slow_servers_time_out_and_are_resumed(site: Site, tmp_path: Path) -> None:
    site.stall = [81_920]
    assert _get(site, tmp_path).read_bytes() == DATA
    assert site.asked[1] == "bytes=81920-"


def test_a_slow_trickle_is_waited_for(site: Site, tmp_path: Path) -> None:
    def trickle(what: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        time.sleep(0.005)

    assert fetch_file(_remote(site), tmp_path, trickle, PATIENCE).read_bytes() == DATA


def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    remote = Remote("file.bin", (f"http://127.0.0.1:{port}/file.bin",), SHA)
    with pytest.raises(DataError, match=r"cannot reach 127\.0\.0\.1 .* check the connection"):
        fetch_file(remote, tmp_path, patience=PATIENCE)
    assert list(tmp_path.iterdir()) == []


def _source(*remotes: Remote) -> Source:
    card = Card("toy", "a toy", "vector", "here", "none", "none", "user")
    return Source(card, lambda request: pytest.fail("not loaded"), files=remotes)


def test_fetch_puts_files_where_load_finds_them(site: Site, tmp_path: Path, cache: Path) -> None:
    paths = fetch(_source(_remote(site)), tmp_path, patience=PATIENCE)
    assert paths == [tmp_path / "toy" / "file.bin"]
    assert fetch(_source(_remote(site)), patience=PATIENCE) == [cache / "data" / "toy" / "file.bin"]


def test_fetch_to_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="choose another with --data-dir"):
        fetch(_source(Remote("a", ("http://127.0.0.1/a",), SHA)), tmp_path / "file")
    with pytest.raises(DataError, match="needs no download"):
        fetch(_source())

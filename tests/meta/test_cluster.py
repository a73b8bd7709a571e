"""The processes of a mesh listen only on the given address."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from metaplastic.errors import ConfigError
from metaplastic.meta.engines.launch import free_port
from metaplastic.meta.engines.meeting import Meeting


@pytest.mark.parametrize(
    ("meeting", "bind", "listens_on"),
    [
        (Meeting("127.0.0.2:4321", 2, 0), "127.0.0.2", "127.0.0.2:4321"),
        (Meeting("127.0.0.2:4321", 2, 1), None, None),  # it may be that of another machine
        (Meeting("127.0.0.1:4321", 2, 1), "127.0.0.1", "127.0.0.1:4321"),
        (Meeting("[::1]:4321", 2, 0, "127.0.0.1"), "127.0.0.1", "127.0.0.1:4321"),
        (Meeting("10.255.255.1:4321", 2, 0, "127.0.0.1"), "127.0.0.1", "127.0.0.1:4321"),
        (Meeting("10.255.255.1:4321", 2, 0, "0.0.0.0"), None, "0.0.0.0:4321"),
        (Meeting(), None, None),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address on Linux only")
def test_addresses(meeting: Meeting, bind: str | None, listens_on: str | None) -> None:
    meeting.check()
    assert meeting.addresses() == (bind, listens_on)


@pytest.mark.parametrize(
    ("meeting", "named"),
    [
        (Meeting("192.0.2.1:4321", 2, 0), "--coordinator 192.0.2.1:4321: this machine has no"),
        (Meeting("127.0.0.1:4321", 2, 1, "192.0.2.1"), "--bind 192.0.2.1: this machine has no"),
        (Meeting("127.0.0.1:4321", 2, 1, "no such host"), "--bind no such host"),
    ],
)
def test_an_address_of_another_machine_is_refused(meeting: Meeting, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        meeting.check()


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address on Linux only")
def test_process_0_listens_only_on_the_coordinator_address() -> None:
    port = free_port()
    code = (
        "from metaplastic.meta.engines.cluster import join\n"
        "from metaplastic.meta.engines.meeting import Meeting\n"
        f"join(Meeting('127.0.0.2:{port}', 2, 0, seconds=60))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
    try:
        deadline = time.monotonic() + 60
        while not _answers("127.0.0.2", port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert not _answers("127.0.0.1", port)
    finally:
        process.kill()
        process.wait()


def _answers(host: str, port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((host, port)) == 0

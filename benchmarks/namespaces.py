"""Hosts emulated by network namespaces, for benchmarks/hosts.py (Linux, root)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SLOW_LINK = ("tbf", "rate", "1mbit", "burst", "32kbit", "latency", "400ms")
RUNNING, STOPPED = 0.05, 0.2  # seconds that a slow host's processes run and pause, in turn


def sh(*command: str) -> None:
    """Run a command; on failure, exit with its error output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")


class Host:
    """A network namespace with one address and its own /tmp and /dev/shm."""

    def __init__(self, number: int, shared: Path) -> None:
        """`shared` is a folder shared by all hosts."""
        self.name, self.address = f"host{number}", f"10.77.0.{number}"
        self._shared, self._link = shared, f"veth{number}"
        sh("ip", "netns", "add", self.name)
        sh("ip", "link", "add", self._link, "type", "veth", "peer", "name", "eth0",
           "netns", self.name)  # fmt: skip
        sh("ip", "link", "set", self._link, "master", "bridge0", "up")
        inside = ("ip", "-n", self.name)
        sh(*inside, "addr", "add", f"{self.address}/24", "dev", "eth0")
        sh(*inside, "link", "set", "eth0", "up")
        sh(*inside, "link", "set", "lo", "up")
        private = (
            f"hostname {self.name}; mount --bind {shared} /mnt; mount -t tmpfs tmpfs /tmp; "
            "mount -t tmpfs tmpfs /dev/shm; exec sleep 100000"
        )
        self._holder = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "-m", "-u", "sh", "-c", private]
        )
        while not self._ready():
            time.sleep(0.05)

    def _ready(self) -> bool:
        name = Path(f"/proc/{self._holder.pid}/comm")
        return name.exists() and name.read_text().strip() == "sleep"

    def start(self, *command: str, log: str) -> subprocess.Popen[bytes]:
        """Start a command on this host, with its output in the shared folder."""
        # Ray requires a token if the user's home holds one
        ray = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": "/mnt/token",
            "RAY_worker_niceness": "0",
        }
        enter = ["nsenter", f"--target={self._holder.pid}", "-m", "-u", "-n", f"--wd={ROOT}"]
        with (self._shared / log).open("ab") as file:
            environment = {**os.environ, **ray}
            return subprocess.Popen([*enter, *command], stdout=file, stderr=file, env=environment)

    def run(self, *command: str, log: str) -> None:
        """Run a command to its end and check its status."""
        status = self.start(*command, log=log).wait(timeout=300)
        assert status == 0, (self._shared / log).read_text()[-2000:]

    def cut_off(self, down: bool = True) -> None:
        """Take the host's link down, or up again."""
        sh("ip", "link", "set", self._link, "down" if down else "up")

    def slow_link(self) -> None:
        """Limit the host's link to 1 Mbit/s in each direction."""
        sh("tc", "qdisc", "add", "dev", self._link, "root", *SLOW_LINK)
        sh("ip", "netns", "exec", self.name, "tc", "qdisc", "add", "dev", "eth0", "root",
           *SLOW_LINK)  # fmt: skip

    def processes(self) -> dict[int, bytes]:
        """Return the processes on this host with their command lines."""
        namespace, command_lines = Path(f"/proc/{self._holder.pid}/ns/net").readlink(), {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "ns/net").readlink() == namespace:
                    command_lines[int(entry.name)] = (entry / "cmdline").read_bytes()
        del command_lines[self._holder.pid]
        return command_lines

    def kill(self) -> None:
        """Kill all processes on the host."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def slow(self) -> Iterator[None]:
        """Pause the host's processes four fifths of the time."""
        stopped = threading.Event()
        names = (b"ray::Worker", b"meta-train")
        pids = [p for p, line in self.processes().items() if any(n in line for n in names)]

        def alternate() -> None:
            while not stopped.is_set():
                for number, seconds in ((signal.SIGSTOP, STOPPED), (signal.SIGCONT, RUNNING)):
                    for pid in pids:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, number)
                    time.sleep(seconds)

        thread = threading.Thread(target=alternate)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def listens_on(self) -> list[str]:
        """Return the IPv4 addresses that processes of this host listen on."""
        table = Path(f"/proc/{self._holder.pid}/net/tcp").read_text().splitlines()[1:]
        words = {line.split()[1].split(":")[0] for line in table if line.split()[3] == "0A"}
        return sorted(".".join(str(b) for b in reversed(bytes.fromhex(w))) for w in words)

    def close(self) -> None:
        """Kill all processes and delete the namespace."""
        self.kill()
        self._holder.kill()
        self._holder.wait()
        sh("ip", "netns", "del", self.name)

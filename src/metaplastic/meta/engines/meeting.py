"""Where the processes of a mesh meet, and on which addresses each of them listens."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from metaplastic.errors import ConfigError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Meeting:
    """Where the processes meet. All None: taken from Slurm or Open MPI (`jax.distributed`)."""

    coordinator: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    bind: str | None = None
    seconds: int = 120

    def check(self) -> None:
        """Raises `ConfigError` where only a part is given, or numbers do not fit."""
        given = [self.coordinator, self.num_processes, self.process_id]
        if None in given and given != [None] * 3:
            raise ConfigError(
                "--coordinator, --num-processes and --process-id go together; "
                "leave out all three under Slurm or Open MPI"
            )
        if self.coordinator is not None:
            host, _, port = self.coordinator.rpartition(":")
            if not host or not port.isdigit():
                raise ConfigError(
                    f"--coordinator {self.coordinator!r}: write host:port of process 0, "
                    "as in 127.0.0.1:4321"
                )
            self.addresses()
        if self.num_processes is not None and self.process_id is not None:
            if self.num_processes < 1:
                raise ConfigError(f"--num-processes {self.num_processes}: at least 1")
            if not 0 <= self.process_id < self.num_processes:
                raise ConfigError(
                    f"--process-id {self.process_id}: from 0 to {self.num_processes - 1}"
                )

    def addresses(self) -> tuple[str | None, str | None]:
        """This machine's own, which its collectives listen on, None for that of its host name;
        and host:port that process 0 listens on, None for JAX's own choice.

        Without `bind`, process 0 listens where `coordinator` says and nowhere else. Raises
        `ConfigError` where this machine has no such address.
        """
        host, _, port = (self.coordinator or "").rpartition(":")
        host = host.removeprefix("[").removesuffix("]")  # as IPv6 is written with a port
        bind = self.bind
        if bind is None and (self.process_id == 0 or host in _LOOPBACK):
            bind = host
        if not bind:
            return None, None
        if not _is_here(bind):
            option = f"--coordinator {self.coordinator}" if self.bind is None else f"--bind {bind}"
            raise ConfigError(
                f"{option}: this machine has no address {bind!r} to listen on; name it by --bind, "
                "or have process 0 listen on all of them by --bind 0.0.0.0"
            )
        listens_on = (f"[{bind}]:{port}" if ":" in bind else f"{bind}:{port}") if port else None
        # the others are given the address of the collectives: no wildcard
        return None if bind in _EVERYWHERE else bind, listens_on


def number_of(host: str) -> str:
    """The numerical address of a host's name, IPv4 where it has one."""
    try:
        return socket.gethostbyname(host)
    except OSError:
        return str(socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][4][0])


def _is_here(host: str) -> bool:
    """Whether something can listen on that address, or address of that name, on this machine."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except (OSError, UnicodeError):
        return False
    return True

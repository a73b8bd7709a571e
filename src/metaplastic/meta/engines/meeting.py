"""Where the processes of a mesh connect to each other, and on which addresses they listen."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from metaplastic.errors import ConfigError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Meeting:
    """How the processes connect. If all is None, Slurm or Open MPI say (`jax.distributed`)."""

    coordinator: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    bind: str | None = None
    seconds: int = 120

    def check(self) -> None:
        """Raise `ConfigError` if options are incomplete or inconsistent."""
        given = [self.coordinator, self.num_processes, self.process_id]
        if None in given and given != [None] * 3:
            raise ConfigError(
                "--coordinator, --num-processes and --process-id must be given together; "
                "omit all three under Slurm or Open MPI"
            )
        if self.coordinator is not None:
            host, _, port = self.coordinator.rpartition(":")
            if not host or not port.isdigit():
                raise ConfigError(
                    f"--coordinator {self.coordinator!r}: give host:port of process 0, "
                    "such as 127.0.0.1:4321"
                )
            self.addresses()
        if self.num_processes is not None and self.process_id is not None:
            if self.num_processes < 1:
                raise ConfigError(f"--num-processes {self.num_processes}: must be at least 1")
            if not 0 <= self.process_id < self.num_processes:
                raise ConfigError(
                    f"--process-id {self.process_id}: must be from 0 to {self.num_processes - 1}"
                )

    def addresses(self) -> tuple[str | None, str | None]:
        """Return the address on which this machine's collectives listen, None for that of its host
        name; and host:port on which process 0 listens, None for JAX's choice.

        Without `bind`, process 0 listens only on the address in `coordinator`. Raises `ConfigError`
        if this machine does not have the address.
        """
        host, _, port = (self.coordinator or "").rpartition(":")
        host = host.removeprefix("[").removesuffix("]")  # the notation for IPv6 with a port
        bind = self.bind
        if bind is None and (self.process_id == 0 or host in _LOOPBACK):
            bind = host
        if not bind:
            return None, None
        if not _is_here(bind):
            option = f"--coordinator {self.coordinator}" if self.bind is None else f"--bind {bind}"
            raise ConfigError(
                f"{option}: this machine has no address {bind!r} to listen on; choose one with "
                "--bind, or listen on all with --bind 0.0.0.0"
            )
        listens_on = (f"[{bind}]:{port}" if ":" in bind else f"{bind}:{port}") if port else None
        # the address of the collectives is sent to the others, so it cannot be a wildcard
        return None if bind in _EVERYWHERE else bind, listens_on


def number_of(host: str) -> str:
    """Resolve a host name to a numerical address, IPv4 if it has one."""
    try:
        return socket.gethostbyname(host)
    except OSError:
        return str(socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][4][0])


def _is_here(host: str) -> bool:
    """Return whether this machine can listen on that address or host name."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except (OSError, UnicodeError):
        return False
    return True

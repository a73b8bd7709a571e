"""The processes of one mesh: how they meet, exchange messages, and sum arrays."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree
from numpy.typing import NDArray

from metaplastic.errors import ConfigError, RunError
from metaplastic.meta.engines import watchdog
from metaplastic.meta.engines.meeting import Meeting, number_of

HEARTBEAT_SECONDS = 30
MEETING_SECONDS = 600  # longest time that one process may compile while another waits
_POLL_MS = 20_000

Tree = TypeVar("Tree", bound=PyTree)


class PeerLostError(RunError):
    """Another process of the mesh is lost; the others cannot compute anything any more.

    The process should end at once, with `os._exit`: JAX's own shutdown waits for the lost one.
    """


class Cluster:
    """The processes that run one program. Process 0 is the leader: it owns θ and the run directory
    and announces each operation to the others; arrays go through JAX's collectives."""

    def __init__(self) -> None:
        self.index = jax.process_index()
        self.count = jax.process_count()
        by_process = {d.process_index: d for d in reversed(jax.devices())}
        self._device = jax.local_devices()[0]
        self._mesh = Mesh(np.array([by_process[i] for i in range(self.count)]), ("processes",))
        self._split = NamedSharding(self._mesh, PartitionSpec("processes"))
        self._sum = jax.jit(
            jax.shard_map(
                lambda x: jax.lax.psum(x[0], "processes"),
                mesh=self._mesh,
                in_specs=PartitionSpec("processes"),
                out_specs=PartitionSpec(),
                check_vma=False,
            )
        )
        self._sent = self._met = 0
        # connections are made in the first collective, which waits for only half a minute
        self.meet()
        with watchdog.quiet_stdout():
            self.sum(np.zeros(1, np.float32))

    @property
    def leads(self) -> bool:
        """Whether this is process 0."""
        return self.index == 0

    def meet(self) -> None:
        """Wait for all processes. Raises `PeerLostError` if one does not arrive."""
        self._met += 1
        try:
            _client().wait_at_barrier(f"metaplastic/meet/{self._met}", 1000 * MEETING_SECONDS)
        except jax.errors.JaxRuntimeError as error:
            raise _lost(error) from None

    def sum(self, array: NDArray[Any]) -> NDArray[Any]:
        """Sum arrays of one shape and dtype over all processes; all of them get the result.

        Raises `PeerLostError` if a process is lost.
        """
        try:
            local = jax.device_put(array[None], self._device)
            whole = jax.make_array_from_single_device_arrays(
                (self.count, *array.shape), self._split, [local]
            )
            return np.asarray(self._sum(whole).addressable_data(0))
        except (jax.errors.JaxRuntimeError, ValueError) as error:
            raise _lost(error) from None

    def join_parts(self, parts: Tree) -> Tree:
        """Concatenate the leaves (n, ...) of every process to (processes × n, ...), bit for bit."""

        def padded(leaf: Any) -> NDArray[Any]:
            local = np.asarray(leaf)
            whole = np.zeros((self.count, *local.shape), local.dtype)
            whole[self.index] = local
            return whole.reshape(-1, *local.shape[1:])

        return self._sum_bits(jax.tree.map(padded, parts))

    def from_leader(self, tree: Tree) -> Tree:
        """Send process 0's leaves to all, bit for bit; the others' give shapes and dtypes only."""
        if not self.leads:
            tree = jax.tree.map(lambda a: np.zeros(np.shape(a), np.asarray(a).dtype), tree)
        return self._sum_bits(tree)

    def _sum_bits(self, tree: Tree) -> Tree:
        """Sum leaves that are zero in all processes but one, exactly, as integers."""
        leaves, structure = jax.tree.flatten(tree)
        arrays = [np.asarray(leaf, order="C") for leaf in leaves]
        content = b"".join(a.tobytes() for a in arrays)
        content += bytes(-len(content) % 4)
        content = self.sum(np.frombuffer(content, np.uint32)).tobytes()
        sums, offset = [], 0
        for a in arrays:
            sums.append(np.frombuffer(content, a.dtype, a.size, offset).reshape(a.shape))
            offset += a.nbytes
        return jax.tree.unflatten(structure, sums)

    def announce(self, message: dict[str, Any]) -> None:
        """Send the other processes their next operation. Called in process 0."""
        self._sent += 1
        client = _client()
        try:
            client.key_value_set(f"metaplastic/message/{self._sent}", json.dumps(message))
            if self._sent > 8:  # all have read it, since most messages lead to a collective
                client.key_value_delete(f"metaplastic/message/{self._sent - 8}")
        except jax.errors.JaxRuntimeError as error:
            raise _lost(error) from None

    def receive(self) -> dict[str, Any]:
        """Wait indefinitely for the next message from process 0. Called in the other processes."""
        self._sent += 1
        while True:
            try:
                key = f"metaplastic/message/{self._sent}"
                return json.loads(_client().blocking_key_value_get(key, _POLL_MS))
            except jax.errors.JaxRuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise _lost(error) from None

    def leave(self) -> None:
        """Leave the mesh; all processes must."""
        jax.distributed.shutdown()


def join(meeting: Meeting) -> Cluster:
    """Join the other processes. Must be called before the first use of JAX.

    `meeting` must have been checked. Raises `ConfigError` if no address is given and none is
    detected, `RunError` if the others do not join in time.
    """
    # the trainer handles signals itself
    jax.config.update("jax_enable_preemption_service", False)
    bind, listens_on = meeting.addresses()
    timed_out = (
        f"the {meeting.num_processes or ''} processes did not all connect to "
        f"{meeting.coordinator or 'the detected address'} within {meeting.seconds} s; check that "
        "all of them run with the same address and number, and that process 0 can be reached"
    )
    watchdog.start(timed_out)
    try:
        with _collectives_bound_to(bind):
            jax.distributed.initialize(
                meeting.coordinator,
                meeting.num_processes,
                meeting.process_id,
                initialization_timeout=meeting.seconds,
                heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
                shutdown_timeout_seconds=HEARTBEAT_SECONDS,
                coordinator_bind_address=listens_on,
                cluster_detection_method="deactivate" if meeting.coordinator else None,
            )
            watchdog.say(watchdog.LOST)
            return Cluster()
    except ValueError:
        if meeting.coordinator is not None:
            raise
        raise ConfigError(
            "engine mesh: give --coordinator, --num-processes and --process-id, or "
            "--local-processes, or start it with srun or mpirun"
        ) from None
    except jax.errors.JaxRuntimeError as error:
        raise RunError(f"{timed_out} ({_reason(error)})") from None


class _collectives_bound_to:
    """Makes JAX's CPU collectives listen on a given address instead of that of the host name.

    JAX has no setting for this. If its internal function does not exist, JAX chooses the address.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address

    def __enter__(self) -> None:
        from jax._src.lib import _jax  # pyright: ignore[reportPrivateImportUsage]

        self._module, self._original = _jax, getattr(_jax, "make_gloo_tcp_collectives", None)
        if self._address is None or self._original is None:
            return
        original, address = self._original, number_of(self._address)

        def bound(**arguments: Any) -> Any:
            return original(**{"hostname": address, **arguments})

        _jax.make_gloo_tcp_collectives = bound  # pyright: ignore[reportAttributeAccessIssue]

    def __exit__(self, *_: Any) -> None:
        if self._original is not None:
            self._module.make_gloo_tcp_collectives = self._original  # pyright: ignore


def _client() -> Any:
    """Return the coordination service's client; JAX has no public API for its key-value store and
    barriers."""
    from jax._src.distributed import global_state

    return global_state.client


def _lost(error: Exception) -> PeerLostError:
    return PeerLostError(f"{watchdog.LOST} ({_reason(error)})")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160]

"""Engine `mesh`: one program on many processes and hosts. The tasks of every group are split over
all their devices, and JAX's collectives sum the gradients."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from metaplastic.errors import ConfigError, MetaplasticError, RunError
from metaplastic.meta.engines.advanced import Advanced, summarise
from metaplastic.meta.engines.engine import Engine, EngineOptions, Gathered
from metaplastic.meta.engines.local import LocalEngine
from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.meta.engines.cluster import Cluster
    from metaplastic.meta.plan import Plan

LOG = logging.getLogger(__name__)


class MeshEngine(Engine):
    """The role of process 0, the leader; `follow` is the role of the others.

    Every process owns an equal share of each group's slots, spread over its own devices, and
    computes their mean gradient as `LocalEngine` does. In each meta-step, process 0 sends θ, and
    one sum over all processes returns gradients, losses and which tasks are finite. θ is updated
    only in process 0, so that processes on different hardware cannot diverge.
    """

    def __init__(self, part: LocalEngine, cluster: Cluster, n_slots: int) -> None:
        """`part` owns this process's `n_slots` slots of each group."""
        self._part = part
        self._cluster = cluster
        self._n_slots = n_slots

    @classmethod
    def make(cls, plan: Plan, options: EngineOptions) -> MeshEngine:
        if options.cluster is None:
            raise ConfigError(
                "engine mesh needs processes that have joined each other: "
                "use metaplastic meta-train --engine mesh"
            )
        cluster, config = options.cluster, plan.config
        share = share_of(config.tasks_per_group, cluster.count)
        part = LocalEngine.of(plan, share, share * cluster.index)
        engine = cls(part, cluster, share)
        if cluster.leads:
            cluster.announce({"do": "begin", "config": config.model_dump(mode="json")})
            LOG.info("%d processes, %d devices", cluster.count, jax.device_count())
        return engine

    def start(self, rule: Rule, meta_step: int = 0) -> None:
        self._cluster.announce({"do": "start", "meta_step": meta_step})
        self.take_part("start", rule, meta_step)

    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        self._cluster.announce({"do": "gather", "meta_step": meta_step})
        return self.take_part("gather", rule, meta_step)

    def state(self) -> dict[str, Any]:
        self._cluster.announce({"do": "state"})
        return self.take_part("state")

    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        self._cluster.announce({"do": "restore"})
        self.take_part("restore", rule, 0, state)

    def take_part(
        self,
        operation: str,
        rule: Any = None,
        meta_step: int = 0,
        state: dict[str, Any] | None = None,
    ) -> Any:
        """Do this process's part in an operation of all processes."""
        if operation == "start":
            return self._part.start(self._shared(rule), meta_step)
        if operation == "gather":
            return self._gather(self._shared(rule), meta_step)
        if operation == "state":
            return self._cluster.join_parts(self._part.state())
        rule = self._shared(rule)
        shapes = self._cluster.join_parts(self._part.state())
        whole = self._cluster.from_leader(shapes if state is None else state)
        first = self._n_slots * self._cluster.index
        local = jax.tree.map(lambda a: jnp.asarray(a[first : first + self._n_slots]), whole)
        return self._part.restore(rule, local)

    def _shared(self, rule: Rule) -> Rule:
        """Return the rule with the θ of process 0."""
        theta, static = eqx.partition(rule, eqx.is_array)
        theta = jax.tree.map(jnp.asarray, self._cluster.from_leader(jax.device_get(theta)))
        return eqx.combine(theta, static)

    def _gather(self, rule: Rule, meta_step: int) -> Gathered:
        local = self._part.advance(rule, meta_step)
        if local.compile_seconds:
            self._cluster.meet()  # collectives must not time out while another process compiles
        flat = [ravel_pytree(g) for g in local.gradients]
        unravel = [function for _, function in flat]
        # each process fills in its part and leaves the others zero, so one sum gathers everything
        counts = local.finite.sum(axis=1).astype(np.float32)
        tasks = np.zeros((3, len(counts), self._cluster.count, self._n_slots), np.float32)
        tasks[:, :, self._cluster.index] = local.loss, local.norm, local.finite
        message = [np.asarray(g) * n for (g, _), n in zip(flat, counts, strict=True)]
        message += [counts, np.array([local.begun], np.float32), tasks.ravel()]
        total = self._cluster.sum(np.concatenate(message).astype(np.float32))

        sizes = np.cumsum([part.size for part in message])[:-1]
        *sums, counts, begun, tasks = np.split(total, sizes)
        loss, norm, finite = tasks.reshape(3, len(counts), -1)
        return summarise(
            Advanced(
                [
                    function(jnp.asarray(g / max(n, 1)))
                    for function, g, n in zip(unravel, sums, counts, strict=True)
                ],
                loss,
                norm,
                finite.astype(bool),
                local.lengths,
                int(begun[0]),
                local.compile_seconds,
            )
        )

    def close(self) -> None:
        self._cluster.announce({"do": "close"})


def share_of(tasks_per_group: int, n_processes: int) -> int:
    """Return each process's share of a group. Raises `ConfigError` if the shares are not equal."""
    if tasks_per_group % n_processes:
        raise ConfigError(
            f"{tasks_per_group} tasks per group cannot be split evenly over {n_processes} "
            f"processes; use a multiple of {n_processes}"
        )
    return tasks_per_group // n_processes


def follow(cluster: Cluster, data_dir: Path | None = None) -> None:
    """Run every process except 0: do what process 0 announces, until it announces the end.

    Raises `RunError` if process 0 ended with an error.
    """
    from metaplastic.meta.config import parse_config
    from metaplastic.meta.plan import make_plan

    while (message := cluster.receive())["do"] == "begin":
        config = parse_config(message["config"])
        try:
            plan = make_plan(config, data_dir=data_dir)
            engine = MeshEngine.make(plan, EngineOptions(cluster=cluster))
        except MetaplasticError as error:
            raise RunError(f"process {cluster.index}: {error}") from None
        rule = config.rule.make(config.seed)
        while (message := cluster.receive())["do"] not in ("close", "end"):
            engine.take_part(message["do"], rule, message.get("meta_step", 0))
        if message["do"] == "end":
            break
    if message.get("error"):
        raise RunError(f"process 0 ended: {message['error']}")

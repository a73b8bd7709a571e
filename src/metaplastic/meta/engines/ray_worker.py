"""The worker of engine `ray`: it has its own groups of tasks and computes gradients on demand."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from metaplastic.meta.engines.backend import Answer, Request
from metaplastic.meta.engines.processes import Process, this_process
from metaplastic.threads import one_thread_per_operation

if TYPE_CHECKING:
    from metaplastic.meta.engines.local import LocalEngine
    from metaplastic.meta.plan import Plan


class Worker:
    """An actor whose tasks belong to its incarnation: no earlier or later worker gets the same
    ones, so that a lost worker costs only its own unrolls and no task is used twice."""

    def __init__(
        self,
        plan: Plan | Sequence[Any],
        incarnation: int,
        core: int | None,
        settings: dict[str, Any],
        imports: Sequence[str] = (),
    ) -> None:
        """`settings` are the trainer's settings of JAX; `core` is the only core to use. `imports`
        are the user's modules (`plugins`), imported before the plan is read, as it may contain
        objects from them. For this, the plan may be a sequence with one reference to it.
        """
        one_thread_per_operation()
        if core is not None and hasattr(os, "sched_setaffinity"):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {core})
        import equinox as eqx
        import jax

        from metaplastic import plugins

        plugins.request(imports)
        if isinstance(plan, Sequence):
            import ray

            plan = cast("Plan", ray.get(plan[0]))
        for name, value in settings.items():
            jax.config.update(name, value)
        config = plan.config
        rule = config.rule.make(config.seed)
        _, self._static = eqx.partition(rule, eqx.is_array)
        self._plan = plan
        self._estimator = plan.estimator()
        self._incarnation = incarnation
        self._groups: dict[int, LocalEngine] = {}
        self._draws: dict[int, int] = {}  # the draw that each group belongs to

    def process(self) -> Process:
        """Return the actor's process, so that it can be killed."""
        return this_process()

    def gradient(self, theta: Any, request: Request) -> Answer:
        """Compute the gradient at this θ of a group's tasks, which advance by one estimate."""
        import dataclasses

        import equinox as eqx
        import jax

        began = time.perf_counter()
        rule = eqx.combine(jax.tree.map(jax.numpy.asarray, theta), self._static)
        plan = self._plan.at(request.version)
        engine = self._groups.get(request.group)
        if engine is None or plan.draw != self._draws[request.group]:
            engine = self._begin(plan, request.group)
            engine.start(rule, request.sequence if plan.draw else 0)
        elif request.renew:
            engine.renew(rule, request.sequence)
        gathered = engine.gather(rule, request.sequence)
        gathered = dataclasses.replace(gathered, gradient=jax.device_get(gathered.gradient))
        return Answer(request, gathered, time.perf_counter() - began)

    def _begin(self, plan: Plan, group: int) -> LocalEngine:
        from metaplastic.meta.engines.local import LocalEngine

        config = plan.config
        engine = LocalEngine(
            [plan.stream(group, incarnation=self._incarnation)],
            self._estimator,
            config.tasks_per_group,
            seed=(config.seed, self._incarnation, group),
        )
        self._groups[group], self._draws[group] = engine, plan.draw
        return engine

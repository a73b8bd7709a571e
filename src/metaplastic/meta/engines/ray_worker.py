"""What runs in a worker of engine `ray`: its own groups of tasks, and gradients on demand."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from metaplastic.meta.engines.backend import Answer, Request
from metaplastic.meta.engines.processes import Process, this_process

if TYPE_CHECKING:
    from metaplastic.meta.engines.local import LocalEngine
    from metaplastic.meta.plan import Plan


class Worker:
    """One actor. Its tasks are its incarnation's alone: no other worker, before or after, gets
    them, so that a lost one costs its own unrolls and nothing is learned from twice."""

    def __init__(
        self,
        plan: Plan | Sequence[Any],
        incarnation: int,
        core: int | None,
        settings: dict[str, Any],
        imports: Sequence[str] = (),
    ) -> None:
        """`settings` are JAX's, as the trainer has them; `core` is the only one to use. `imports`
        are modules that the user imports there (`plugins`), before the plan is read: it may be a
        sequence of one reference to it, since it may hold a source of theirs."""
        # before JAX's first use
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
        if core is not None and hasattr(os, "sched_setaffinity"):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {core})
        import equinox as eqx
        import jax

        from metaplastic import plugins
        from metaplastic.rules import make_rule

        plugins.request(imports)
        if isinstance(plan, Sequence):
            import ray

            plan = cast("Plan", ray.get(plan[0]))
        for name, value in settings.items():
            jax.config.update(name, value)
        config = plan.config
        rule = make_rule(config.rule.name, jax.random.key(config.seed), **config.rule.settings)
        _, self._static = eqx.partition(rule, eqx.is_array)
        self._plan = plan
        self._estimator = plan.estimator()
        self._incarnation = incarnation
        self._groups: dict[int, LocalEngine] = {}
        self._draws: dict[int, int] = {}  # of each group, which draw of groups it is of

    def process(self) -> Process:
        """Where it runs, so that it can be ended."""
        return this_process()

    def gradient(self, theta: Any, request: Request) -> Answer:
        """The gradient at this θ of a group's tasks, which advance by one estimate."""
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
        found = engine.gather(rule, request.sequence)
        found = dataclasses.replace(found, gradient=jax.device_get(found.gradient))
        return Answer(request, found, time.perf_counter() - began)

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

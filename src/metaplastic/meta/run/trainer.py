"""The trainer: the meta-steps, validation, checkpoints and rule files of one run."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from metaplastic import hub
from metaplastic.errors import RunError
from metaplastic.files import make_folder
from metaplastic.meta import optimizer
from metaplastic.meta.engines import ENGINES, EngineOptions, Gathered
from metaplastic.meta.memory import memory_line
from metaplastic.meta.plan import make_plan
from metaplastic.meta.run.reporter import Reporter
from metaplastic.meta.run.run_dir import RunDir, on_ladder
from metaplastic.meta.run.start import start_card, starting_rule
from metaplastic.meta.validation import Validator
from metaplastic.rules import Rule

LOG = logging.getLogger(__name__)

HOPELESS = 10  # consecutive meta-steps without a finite gradient, after which a run fails
VALIDATION_SEED = 2**31


class Trainer:
    """Updates θ with the gradients that an engine computes; owns θ and the run directory."""

    def __init__(
        self,
        run: RunDir,
        *,
        data_dir: Path | None = None,
        reporter: Reporter | None = None,
        checkpoint_seconds: float = 120.0,
        command: str = "",
        engine: str | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        """`engine`, if given, continues the run instead of the engine in its config."""
        self._run = run
        self._config = config = run.config
        self._reporter = reporter or Reporter()
        self._checkpoint_seconds = checkpoint_seconds
        self._command = command
        self._seconds = 0.0
        self._validation: dict[str, Any] = {}  # the newest accuracy, by age
        self._rule = starting_rule(config)
        self._start_card = start_card(config)

        loading = f"loading {', '.join(dict.fromkeys(config.tasks.sources))}"
        LOG.info(loading)
        self._reporter.working(loading)
        plan = make_plan(config, data_dir=data_dir)
        validation_plan = make_plan(config, portion="meta-validation", data_dir=data_dir)
        if unused := dict.fromkeys(s.address for s in validation_plan.unused()):
            LOG.info("too few examples or classes to validate on: %s", ", ".join(unused))
        self.architectures = plan.architectures
        self._plan = plan
        self._validator = Validator(
            validation_plan.streams(seed=VALIDATION_SEED),
            config.validation.tasks,
            ages=[round(h * config.unroll.horizon[1]) for h in config.validation.horizons],
            config=config.unroll,
            objective=config.objective.make(),
        )
        self._training_data = tuple(
            dict.fromkeys([*config.tasks.sources, *self._start_card.training_data])
        )
        self._optimizer = optimizer.start(config.optimizer, self._rule)
        if LOG.isEnabledFor(logging.INFO):  # tracing takes seconds
            LOG.info(memory_line(plan, self._rule))
        self._meta_step = 0
        # last, so that nothing can fail once it holds workers
        self._engine = ENGINES.get(engine or config.engine).make(plan, options or EngineOptions())

    @property
    def rule(self) -> Rule:
        """The rule as it would be published now: θ averaged over recent meta-steps."""
        return optimizer.averaged(self._rule, self._optimizer)

    @property
    def meta_step(self) -> int:
        """The number of meta-steps done."""
        return self._meta_step

    def close(self) -> None:
        """Release the engine's workers. The trainer cannot be used afterwards."""
        self._engine.close()

    def train(self, stop: Callable[[], bool] = lambda: False, *, until: int | None = None) -> bool:
        """Run to the last meta-step, or to meta-step `until` if that comes first, and return
        whether the last one was reached.

        `stop` is called after each meta-step; if it returns True, the state is saved and the run
        ends. Raises `RunError` if no task gives a finite gradient for several meta-steps, or if
        files cannot be written.
        """
        self._reporter.working("starting the tasks")
        self._begin()
        self._reporter.working("compiling, then the first meta-step")
        total = self._config.optimizer.meta_steps
        last = total if until is None else min(until, total)
        saved_at = time.monotonic()
        clock, before, hopeless = time.perf_counter(), self._seconds, 0
        while self._meta_step < last:
            gathered = self._engine.gather(self._rule, self._meta_step)
            norm = self._update(gathered)
            hopeless = 0 if gathered.gradient is not None else hopeless + 1
            self._meta_step += 1
            self._seconds = before + time.perf_counter() - clock
            if gathered.compile_seconds:
                self._reporter.compiled(gathered.compile_seconds)
            self._report(gathered, norm)
            self._follow_plan()
            if hopeless == HOPELESS:
                raise RunError(
                    f"no task gave a finite gradient in the last {HOPELESS} meta-steps; "
                    "lower optimizer.learning_rate or the rule's inner_step"
                )
            if on_ladder(self._meta_step) or self._meta_step == total:
                self._publish()
            stopping = stop() or self._meta_step == last < total
            due = time.monotonic() - saved_at >= self._checkpoint_seconds
            if stopping or due or self._meta_step == total:
                self._save()
                saved_at = time.monotonic()
            if stopping and self._meta_step < total:
                self._publish(rung=False)
                return False
        return self._meta_step >= total

    def _update(self, gathered: Gathered) -> float:
        if gathered.gradient is None:
            return float("nan")
        self._rule, self._optimizer, norm = optimizer.apply(
            self._config.optimizer, self._rule, self._optimizer, gathered.gradient
        )
        return float(norm)

    def _follow_plan(self) -> None:
        """Log the new groups if they were redrawn after this meta-step."""
        plan = self._plan.at(self._meta_step)
        if plan.draw != self._plan.draw:
            self._plan, self.architectures = plan, plan.architectures
            names = ", ".join(map(str, plan.architectures))
            if LOG.isEnabledFor(logging.INFO):
                LOG.info("groups redrawn: %s; %s", names, memory_line(plan, self._rule))

    def _begin(self) -> None:
        """Start the engine's tasks, or restore them from the newest readable checkpoint."""
        loaded = None
        for item in self._run.load_newest(self._tree_at):
            if isinstance(item, str):
                LOG.warning(item)
            else:
                loaded = item
        if loaded is None:
            self._engine.start(self._rule)
            self._save()  # so that a missing checkpoint can only mean a lost one
        else:
            tree, header = loaded
            self._rule, self._optimizer = tree["rule"], tree["optimizer"]
            self._meta_step, self._seconds = header.meta_step, header.seconds
            self._validation = header.validation
            self._engine.restore(self._rule, tree["engine"])
            LOG.info("resumed at meta-step %d", self._meta_step)
            self._follow_plan()
        for warning in self._run.rewind_metrics(self._meta_step):
            LOG.warning(warning)

    def _tree_at(self, meta_step: int) -> dict[str, Any]:
        """Return a tree with the structure, shapes and dtypes of a checkpoint of that meta-step."""
        self._engine.start(self._rule, meta_step)
        return self._tree()

    def _tree(self) -> dict[str, Any]:
        return {"rule": self._rule, "optimizer": self._optimizer, "engine": self._engine.state()}

    def _save(self) -> None:
        path = self._run.save(self._meta_step, self._tree(), self._seconds, self._validation)
        if self._meta_step:
            self._reporter.saved(path)

    def _report(self, gathered: Gathered, norm: float) -> None:
        config = self._config
        line: dict[str, Any] = {
            "meta_step": self._meta_step,
            "loss": gathered.loss,
            "task_gradient_norm": gathered.gradient_norm,
            "gradient_norm": norm,
            "truncations": gathered.truncations,
            "inner_steps": gathered.inner_steps,
            "dropped": gathered.dropped,
            "begun": gathered.begun,
            "seconds": round(self._seconds, 3),
            "compile_seconds": round(gathered.compile_seconds, 3),
            **gathered.more,
        }
        if (
            self._meta_step % config.validation.every == 0
            or self._meta_step == config.optimizer.meta_steps
        ):
            self._reporter.working("validating")
            scores = self._validator(self.rule)
            self._validation = {str(a): float(np.mean(s.accuracy)) for a, s in scores.items()}
            line["validation_accuracy"] = self._validation
            line["validation_loss"] = {str(a): float(np.mean(s.loss)) for a, s in scores.items()}
            if config.groups > 1:
                line["validation_accuracy_by_group"] = {
                    str(a): s.accuracy.reshape(config.groups, -1).mean(axis=1).round(4).tolist()
                    for a, s in scores.items()
                }
        self._run.append_metrics(line)
        self._reporter.step(line, config.optimizer.meta_steps)

    def _publish(self, *, rung: bool = True) -> None:
        """Write the current rule file and, if `rung`, a copy that is kept."""
        config = self._config
        card = hub.RuleCard(
            title=f"rule {config.rule.name}, meta-trained on {_listed(self._training_data)}",
            training_data=self._training_data,
            objective=config.objective.describe(),
            held_out_data=config.tasks.held_out,
            metrics={f"validation_accuracy_{k}": v for k, v in self._validation.items()},
            command=self._command,
            seed=config.seed,
            meta_steps=self._meta_step,
            earlier_meta_steps=self._start_card.earlier_meta_steps
            + (self._start_card.meta_steps or 0),
            horizon=config.unroll.horizon[1],
            batch_size=config.unroll.batch_size,
            wall_clock_seconds=round(self._seconds, 1),
            earlier_wall_clock_seconds=round(self._start_card.seconds_in_all or 0.0, 1),
            hardware=_hardware(),
            licence=self._start_card.licence,  # θ goes on from that rule's
        )
        if rung:
            path = self._run.rule_path(self._meta_step)
            make_folder(path.parent, RunError)
            hub.save_rule(self.rule, path, card)
        hub.save_rule(self.rule, self._run.path / "rule.safetensors", card)


def _listed(sources: Sequence[str]) -> str:
    """List the first three sources and the number of the others."""
    shown = ", ".join(sources[:3])
    return f"{shown} and {len(sources) - 3} more" if len(sources) > 3 else shown


def _hardware() -> str:
    device = jax.devices()[0]
    if device.platform == "cpu":
        return f"{os.cpu_count()} CPU cores, {platform.machine()}"
    return f"{len(jax.devices())} x {device.device_kind}"

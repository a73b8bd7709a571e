"""Helpers of engine `ray` average gradients before the trainer and change nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from metaplastic.errors import ConfigError, RunError
from metaplastic.meta.engines import EngineOptions, Gathered, RayEngine
from metaplastic.meta.engines.backend import Request
from metaplastic.meta.engines.helper import NAMES
from metaplastic.meta.engines.processes import Process, began, kill
from metaplastic.meta.engines.ray_engine import LOG, collector_of_helpers
from metaplastic.meta.engines.ray_helper import share_of
from metaplastic.meta.plan import Plan
from metaplastic.rules import make_rule

from .conftest import hebbian_config
from .made_up import MadeUp, MadeUpHelpers


def _gradient(request: Request) -> Gathered:
    """Return a gradient that depends on incarnation and sequence number."""
    rng = np.random.default_rng([request.incarnation, request.sequence])
    values = rng.normal(size=5).astype(np.float32)
    return Gathered(values, float(values[0]), float(values[1]), 2, 8, 0, 1, 0.0)


def _engine(
    backend: MadeUpHelpers, wanted: int, timeout: float = 300.0, max_staleness: int = 8
) -> RayEngine:
    collector = collector_of_helpers(
        backend,
        max_staleness=max_staleness,
        worker_timeout=timeout,
        warn=LOG.warning,
        clock=lambda: backend.now,
    )
    return RayEngine(backend, collector, wanted)


def _rule():
    return make_rule("hebbian", jax.random.key(0))


@pytest.mark.parametrize(("helpers", "room", "wanted"), [(2, 2, 4), (3, 8, 12), (2, 9, 5)])
@pytest.mark.parametrize("spoilt", [False, True])
def test_the_mean_of_the_helpers_means_is_the_mean_of_all_gradients(
    helpers: int, room: int, wanted: int, spoilt: bool
) -> None:
    """Messages average different numbers of gradients if a worker's gradient is not finite."""
    bad = {1} if spoilt else set()

    def gradient(request: Request) -> Gathered:
        sent = _gradient(request)
        if request.incarnation in bad:
            sent.gradient[2] = np.nan
        return sent

    backend = MadeUpHelpers(
        helpers, room, wanted, seconds=lambda i: 1.0 + 0.3 * (i % NAMES), gradient=gradient
    )
    engine = _engine(backend, wanted)
    sizes = set()
    for meta_step in range(12):
        gathered = engine.gather(_rule(), meta_step)
        names = gathered.more["gradients"]
        flat = [_gradient(Request(*name, 0, 0, False)) for name in names if name[0] not in bad]
        sizes.add(len(flat) - len(names))
        mean = np.mean([g.gradient for g in flat], axis=0)
        np.testing.assert_allclose(gathered.gradient, mean, rtol=1e-5, atol=1e-6)
        assert gathered.loss == pytest.approx(np.mean([g.loss for g in flat]))
        assert gathered.gradient_norm == pytest.approx(np.mean([g.gradient_norm for g in flat]))
        assert gathered.truncations == 2 * len(names)
        assert gathered.dropped == 2 * (len(names) - len(flat))
        assert len(names) >= wanted
    assert (len(sizes) > 1) == spoilt
    assert gathered.more["helpers"] == helpers
    assert gathered.more["workers"] == helpers * room


def test_the_trainer_receives_few_messages() -> None:
    backend = MadeUpHelpers(2, 40, 80)
    _engine(backend, 80).gather(_rule(), 0)
    assert len(backend.answers) == 8 + 1  # of ten gradients each, and one extra request


def test_no_gradient_in_any_message_is_too_old() -> None:
    slow = 3

    def seconds(incarnation: int) -> float:
        return 40.0 if incarnation % NAMES == slow else 1.0

    backend = MadeUpHelpers(2, 8, 8, seconds=seconds)
    backend.max_staleness, backend.worker_timeout = 2, 1e6
    engine = _engine(backend, 8, timeout=1e6, max_staleness=2)
    versions, stale = {}, 0
    for meta_step in range(120):
        gathered = engine.gather(_rule(), meta_step)
        asked = {r[:2]: r.version for w in backend.workers.values() for r in w.requests}
        for name in gathered.more["gradients"]:
            versions[tuple(name)] = meta_step - asked[tuple(name)]
        stale += gathered.more["stale"]
    assert max(versions.values()) <= 2
    assert not [name for name in versions if name[0] % NAMES == slow]
    assert stale > 0


def test_a_lost_helper_is_replaced_and_nothing_counts_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = MadeUpHelpers(2, 2, 4, gradient=_gradient)
    engine = _engine(backend, 4)
    names, lost = [], 0
    for meta_step in range(30):
        if meta_step in (10, 20):
            backend.dead.add(max(backend.begun))
        gathered = engine.gather(_rule(), meta_step)
        names += map(tuple, gathered.more["gradients"])
        lost += gathered.more["lost_helpers"]
    assert lost == 2
    assert "helper 1024 is lost (killed); it is replaced" in caplog.text
    assert len(set(names)) == len(names)
    assert backend.begun == [0, NAMES, 2 * NAMES, 3 * NAMES]
    assert gathered.more["workers"] == 4


def test_a_lost_worker_of_a_helper_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    backend = MadeUpHelpers(2, 2, 4, gradient=_gradient)
    engine = _engine(backend, 4)
    engine.gather(_rule(), 0)
    backend.workers[0].dead.add(1)
    lost = sum(engine.gather(_rule(), i).more["lost_workers"] for i in range(1, 5))
    assert lost == 1
    assert "helper 0: worker 1 is lost (killed); it is replaced" in caplog.text


def test_a_helper_whose_workers_are_all_silent_is_not_lost() -> None:
    """It reports no gradients, the others continue, and later its workers are replaced."""
    backend = MadeUpHelpers(2, 2, 2)
    engine = _engine(backend, 2, timeout=30.0)
    engine.gather(_rule(), 0)
    backend.workers[0].silent = {0, 1}
    counts = [engine.gather(_rule(), i).more for i in range(1, 200)]
    assert sum(c["lost_helpers"] for c in counts) == 0
    assert sum(c["lost_workers"] for c in counts) == 2
    assert backend.workers[0].begun == [0, 1, 2, 3]
    assert backend.begun == [0, NAMES]


def test_the_run_ends_if_all_helpers_are_lost() -> None:
    backend = MadeUpHelpers(2, 2, 4)
    backend.dead = set(range(10**6))
    with pytest.raises(RunError, match=r"last \d+ helpers were lost .* killed"):
        _engine(backend, 4).gather(_rule(), 0)


def test_the_run_ends_if_all_workers_of_helpers_are_lost() -> None:
    class Dying(set):
        def __contains__(self, _: object) -> bool:
            return True

    class Hopeless(MadeUpHelpers):
        def begin(self, incarnation: int) -> int:
            handle = super().begin(incarnation)
            self.workers[incarnation].dead = Dying()
            return handle

    with pytest.raises(
        RunError, match=r"helpers were lost .* last \d+ workers were lost .* killed"
    ):
        _engine(Hopeless(2, 2, 4), 4).gather(_rule(), 0)


def test_a_resumed_run_uses_new_names_with_helpers_or_without() -> None:
    backend = MadeUpHelpers(2, 2, 4, gradient=_gradient)
    engine = _engine(backend, 4)
    engine.gather(_rule(), 0)
    state = engine.state()
    gathered = []
    for _ in range(2):
        again = _engine(MadeUpHelpers(2, 2, 4, gradient=_gradient), 4)
        again.restore(_rule(), state)
        gathered.append(again.gather(_rule(), 1))
    np.testing.assert_array_equal(gathered[0].gradient, gathered[1].gradient)
    assert min(name[0] for name in gathered[0].more["gradients"]) == 2 * NAMES
    used = max(max(w.begun) for w in backend.workers.values())
    assert int(state["next_incarnation"]) > used  # so for an engine without helpers too


def test_one_slow_worker_holds_neither_its_helper_nor_others_up() -> None:
    rates = []
    for slow in (1.0, 200.0):
        backend = MadeUpHelpers(2, 8, 8, seconds=lambda i, slow=slow: slow if i == 3 else 1.0)
        engine = _engine(backend, 8, timeout=1e6)
        for meta_step in range(100):
            engine.gather(_rule(), meta_step)
        rates.append(1 / backend.now)
    assert rates[1] > 0.9 * rates[0] * 15 / 16


@pytest.mark.parametrize(("helpers", "workers"), [(1, 1), (2, 4), (3, 10), (100, 10_000)])
def test_shares_are_even_and_sum_up(helpers: int, workers: int) -> None:
    shares = [share_of(i, helpers, workers, 16).workers for i in range(helpers)]
    assert sum(shares) == workers
    assert max(shares) - min(shares) <= 1


def test_a_fan_in_of_none_is_refused() -> None:
    plan = Plan(hebbian_config(engine="ray"), (), (), ())
    with pytest.raises(ConfigError, match="--fan-in 0: must be at least 1"):
        RayEngine.make(plan, EngineOptions(fan_in=0))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_frozen_process_is_ended_and_one_that_only_has_its_number_is_not() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        os.kill(sleeper.pid, signal.SIGSTOP)
        when = began(sleeper.pid)
        assert when is not None
        assert not kill(Process("", sleeper.pid, str(int(when) + 1)))
        assert not kill(Process("", sleeper.pid, None))
        assert sleeper.poll() is None
        assert kill(Process("", sleeper.pid, when))
        assert sleeper.wait(timeout=60) == -signal.SIGKILL
        assert not kill(Process("", sleeper.pid, when))
    finally:
        sleeper.kill()
        sleeper.wait()


def test_fake_workers_and_helpers_follow_the_protocol() -> None:
    from metaplastic.meta.engines.backend import Backend

    assert isinstance(MadeUp(1), Backend)
    assert isinstance(MadeUpHelpers(1, 1, 1), Backend)

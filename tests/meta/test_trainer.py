"""A run: resumed to the bit, its directory guarded, tasks that are not finite replaced."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic import RuleCard, load_card, load_rule, save_rule
from metaplastic.errors import ConfigError, RunError
from metaplastic.meta.engines import LocalEngine
from metaplastic.meta.run.metrics import read_metrics
from metaplastic.meta.run.reporter import Reporter
from metaplastic.meta.run.run_dir import RunDir, on_ladder
from metaplastic.meta.run.trainer import Trainer

from .conftest import hebbian_config, tiny_config

TIMES = ("seconds", "compile_seconds")


class Recorder(Reporter):
    """Keeps the order of what a run calls back."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def working(self, what: str) -> None:
        self.calls.append(what)

    def step(self, metrics: dict, total: int) -> None:
        self.calls.append(f"{metrics['meta_step']} of {total}")


def _told(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def _train(
    path: Path, config, *, resume: bool = False, stop_at: int | None = None, until=None, **more
):
    """Train in `path`, stopped after `stop_at` meta-steps of this call; the trainer."""
    run = RunDir.resume(path, config) if resume else RunDir.create(path, config)
    taken = 0

    def stop() -> bool:
        nonlocal taken
        taken += 1
        return stop_at is not None and taken >= stop_at

    try:
        trainer = Trainer(run, **more)
        trainer.train(stop, until=until)
    finally:
        run.close()
    return trainer


def _theta(trainer: Trainer) -> bytes:
    return b"".join(
        np.asarray(a).tobytes() for a in jax.tree.leaves(eqx.filter(trainer.rule, eqx.is_array))
    )


def _lines(path: Path) -> list[dict]:
    return [{k: v for k, v in m.items() if k not in TIMES} for m in read_metrics(path)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory):
    """A run that never stopped."""
    path = tmp_path_factory.mktemp("whole") / "run"
    return path, _train(path, tiny_config())


@pytest.mark.slow
def test_resumed_twice_is_as_if_it_had_never_stopped(whole, tmp_path: Path, caplog) -> None:
    path, never_stopped = whole
    cut = tmp_path / "cut"
    _train(cut, tiny_config(), stop_at=4)
    _train(cut, None, resume=True, until=7)
    _train(cut, None, resume=True, until=7)
    with caplog.at_level(logging.INFO, "metaplastic"):
        resumed = _train(cut, None, resume=True)
    assert "resumed at meta-step 7" in _told(caplog)
    assert _theta(resumed) == _theta(never_stopped)
    assert _lines(cut) == _lines(path)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(
    whole, tmp_path: Path, caplog
) -> None:
    _, never_stopped = whole
    cut = tmp_path / "cut"
    _train(cut, tiny_config(), stop_at=7, checkpoint_seconds=0.0)
    newest, before = sorted((cut / "checkpoints").iterdir(), reverse=True)
    newest.write_bytes(newest.read_bytes()[:1000])
    with caplog.at_level(logging.INFO, "metaplastic"):
        resumed = _train(cut, None, resume=True)
    assert any("trying the previous one" in text for text in _told(caplog, logging.WARNING))
    assert any(f"meta-step {int(before.stem[5:])}" in text for text in _told(caplog))
    assert _theta(resumed) == _theta(never_stopped)


@pytest.mark.slow
def test_long_work_is_reported_before_it_starts(tmp_path: Path) -> None:
    told = Recorder()
    _train(tmp_path / "run", hebbian_config(), stop_at=1, reporter=told)
    assert [call.split()[0] for call in told.calls] == ["loading", "starting", "compiling,", "1"]
    assert told.calls[-1].startswith("1 of ")


def test_if_every_checkpoint_is_damaged_the_run_does_not_start_over(tmp_path: Path) -> None:
    _train(tmp_path / "run", hebbian_config(), stop_at=2)
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"no checkpoint in .* can be read"):
        _train(tmp_path / "run", None, resume=True)
    assert len(read_metrics(tmp_path / "run")) == 2


def test_the_files_of_a_run(whole) -> None:
    path, trainer = whole
    names = sorted(p.name for p in (path / "rules").iterdir())
    assert names == [f"step-{n:09d}.safetensors" for n in (1, 2, 5, 10, 12)]
    assert len(list((path / "checkpoints").iterdir())) <= 2
    rule = load_rule(path / "rule.safetensors")
    for ours, theirs in zip(jax.tree.leaves(rule), jax.tree.leaves(trainer.rule), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    card = load_card(path / "rule.safetensors")
    assert card.meta_steps == 12
    assert card.training_data == ("glyphs",)
    assert "digits" in card.held_out_data
    assert json.loads((path / "config.json").read_text())["seed"] == 3
    metrics = read_metrics(path)
    assert [m["meta_step"] for m in metrics] == [*range(1, 13)]
    assert sum(m["begun"] for m in metrics) > 0  # tasks ended and new ones began
    assert set(metrics[-1]["validation_accuracy"]) == {"0", "10"}


def test_the_error_for_another_configuration_names_the_fields(whole) -> None:
    path, _ = whole
    with pytest.raises(RunError, match=r"optimizer\.learning_rate \(0\.003 there, 0\.5 here\)"):
        RunDir.resume(path, tiny_config(optimizer={"learning_rate": 0.5}))


def test_a_directory_is_guarded(tmp_path: Path, config) -> None:
    RunDir.create(tmp_path / "run", config).close()
    run = RunDir.create(tmp_path / "run", config)  # nothing was done in it yet
    run.save(0, {}, 0.0, {})
    run.append_metrics({"meta_step": 1})
    with pytest.raises(RunError, match="already holds a run"):
        RunDir.create(tmp_path / "run", config)
    with pytest.raises(RunError, match="in use by a live process"):
        RunDir.resume(tmp_path / "run", None)
    run.close()
    RunDir.resume(tmp_path / "run", None).close()
    with pytest.raises(RunError, match="no run"):
        RunDir.resume(tmp_path / "nothing", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        RunDir.create(tmp_path / "file", config)


@pytest.mark.slow
def test_two_devices_give_the_same_as_one(tmp_path: Path, config, monkeypatch) -> None:
    assert len(jax.devices()) == 2
    _train(tmp_path / "two", config, stop_at=3)
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    _train(tmp_path / "one", config, stop_at=3)
    two, one = _lines(tmp_path / "two"), _lines(tmp_path / "one")
    for a, b in zip(two, one, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-3)


def test_non_finite_tasks_are_dropped_counted_and_replaced(
    tmp_path: Path, config, monkeypatch
) -> None:
    start = LocalEngine.start

    def start_broken(self, rule) -> None:
        start(self, rule)
        group = self._groups[0]
        broken = group.pool.inputs.at[0].set(jnp.nan)
        self._groups[0] = eqx.tree_at(lambda g: g.pool.inputs, group, broken)

    monkeypatch.setattr(LocalEngine, "start", start_broken)
    trainer = _train(tmp_path / "run", config, stop_at=3)
    dropped = [m["dropped"] for m in read_metrics(tmp_path / "run")]
    assert dropped == [1, 0, 0]
    assert np.isfinite(np.frombuffer(_theta(trainer), np.float32)).all()


def test_a_run_without_a_finite_gradient_ends_with_a_clear_error(
    tmp_path: Path, monkeypatch
) -> None:
    gather = LocalEngine.gather

    def nothing(self, rule, meta_step):
        from dataclasses import replace

        return replace(gather(self, rule, meta_step), gradient=None)

    monkeypatch.setattr(LocalEngine, "gather", nothing)
    with pytest.raises(RunError, match="no task gave a finite gradient in the last 10"):
        _train(tmp_path / "run", hebbian_config())


def test_a_full_disk_leaves_the_previous_checkpoint_whole(
    tmp_path: Path, config, monkeypatch
) -> None:
    _train(tmp_path / "run", config, stop_at=2)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\)"):
        _train(tmp_path / "run", None, resume=True, stop_at=2)
    monkeypatch.undo()
    names = [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()]
    assert sorted(names) == ["step-000000000.safetensors", "step-000000002.safetensors"]
    _train(tmp_path / "run", None, resume=True, stop_at=1)


def test_a_run_starts_from_a_rule_that_fits(whole, tmp_path: Path) -> None:
    path, _ = whole
    start = str(path / "rule.safetensors")
    run = RunDir.create(tmp_path / "run", tiny_config(rule={"start": start}))
    begun = eqx.filter(Trainer(run).rule, eqx.is_array)
    run.close()
    for ours, theirs in zip(jax.tree.leaves(begun), jax.tree.leaves(load_rule(start)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other = tiny_config(rule={"start": start, "settings": {"hidden": 3}})
    run = RunDir.create(tmp_path / "other", other)
    with pytest.raises(ConfigError, match=r"rule\.start .* keep rule\.name and rule\.settings as"):
        Trainer(run)
    run.close()


def test_the_training_data_of_an_earlier_rule_are_recorded(whole, tmp_path: Path) -> None:
    rule = load_rule(whole[0] / "rule.safetensors")
    save_rule(
        rule,
        tmp_path / "start.safetensors",
        RuleCard(
            training_data=("cifar10@32", "glyphs"),
            meta_steps=7,
            earlier_meta_steps=100,
            wall_clock_seconds=50.0,
            earlier_wall_clock_seconds=1000.0,
        ),
    )
    config = tiny_config(rule={"start": str(tmp_path / "start.safetensors")})
    _train(tmp_path / "run", config, stop_at=1)
    card = load_card(tmp_path / "run" / "rule.safetensors")
    assert card.training_data == ("glyphs", "cifar10@32")
    assert (card.meta_steps, card.earlier_meta_steps) == (1, 107)
    assert card.earlier_wall_clock_seconds == 1050.0
    assert card.seconds_in_all == pytest.approx(1050.0 + (card.wall_clock_seconds or 0.0))
    assert "glyphs, cifar10@32" in card.title


def test_the_ladder() -> None:
    assert [n for n in range(1, 600) if on_ladder(n)] == [1, 2, 5, 10, 20, 50, 100, 200, 500]


@pytest.mark.slow
def test_meta_training_on_convolutions(tmp_path: Path) -> None:
    convolutions = {"topologies": ["conv"], "maps": [3], "kernels": [3]}
    config = hebbian_config(
        tasks={"architectures": convolutions}, optimizer={"meta_steps": 2}, validation={"every": 2}
    )
    run = RunDir.create(tmp_path / "run", config)
    trainer = Trainer(run)
    before = jax.tree.leaves(trainer.rule)
    assert str(trainer.architectures[0]) == "8x8x1-3x3x3/2-8"
    assert trainer.train()
    run.close()
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(line["loss"]) and line["dropped"] == 0 for line in lines)
    assert any(np.any(a != b) for a, b in zip(before, jax.tree.leaves(trainer.rule), strict=True))

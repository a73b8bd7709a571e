"""Evolution strategies in an engine: resumed bit for bit, split over processes; settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from metaplastic.errors import ConfigError
from metaplastic.meta.config import parse_config
from metaplastic.meta.config_tables import lay
from metaplastic.meta.engines import LocalEngine
from metaplastic.meta.plan import Plan, make_plan
from metaplastic.meta.run.checkpoint import Header, load_checkpoint, save_checkpoint

from .conftest import hebbian_config
from .test_evolution import EACH, Drift, _make, distance


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(hebbian_config())


def _engine(plan: Plan, name: str, n_tasks: int = 2, **kwargs: Any) -> LocalEngine:
    config = plan.config
    strategy = _make(name, config.unroll, config.tasks.labels_per_class, distance)
    return LocalEngine(plan.streams(), strategy, n_tasks, seed=3, **kwargs)


def _bytes(tree: Any) -> bytes:
    return b"".join(np.asarray(a).tobytes() for a in jax.tree.leaves(tree))


@EACH
def test_resumed_is_as_if_it_had_never_stopped(name: str, plan: Plan, tmp_path: Path) -> None:
    """Bit for bit, through a checkpoint, across the ends of tasks."""
    rule = Drift.create(jax.random.key(0))
    whole = _engine(plan, name)
    whole.start(rule)
    for step in range(3):
        whole.gather(rule, step)
    header = Header(meta_step=3, seconds=0.0, validation={})
    save_checkpoint(tmp_path / "a", {"engine": whole.state()}, header)
    remaining = [whole.gather(rule, step) for step in range(3, 7)]
    assert name == "es" or 0 < sum(gathered.begun for gathered in remaining) < 8

    again = _engine(plan, name)
    again.start(rule)
    tree, _ = load_checkpoint(tmp_path / "a", {"engine": again.state()})
    again.restore(rule, tree["engine"])
    for step, expected in enumerate(remaining, start=3):
        got = again.gather(rule, step)
        assert _bytes(got.gradient) == _bytes(expected.gradient)
        assert got.loss == expected.loss
    assert _bytes(again.state()) == _bytes(whole.state())


def test_parts_of_a_group_have_the_perturbations_of_the_whole_group(plan: Plan) -> None:
    """The slots of a group may be split over processes and devices in any way."""
    rule, device = Drift.create(jax.random.key(0)), jax.local_devices()[:1]
    whole = _engine(plan, "pes")  # on two devices
    parts = [_engine(plan, "pes", 1, devices=device, first_slot=slot) for slot in range(2)]
    for engine in (whole, *parts):
        engine.start(rule)
    for step in range(5):
        expected = whole.advance(rule, step)
        got = [part.advance(rule, step) for part in parts]
        np.testing.assert_allclose(expected.loss[0], [g.loss[0, 0] for g in got], rtol=1e-4)
        assert expected.begun == sum(g.begun for g in got)
    state = whole.state()["group0"]["estimator"]
    ours = [part.state()["group0"]["estimator"] for part in parts]
    for a, b, c in zip(*map(jax.tree.leaves, (state, *ours)), strict=True):
        np.testing.assert_allclose(a, np.concatenate([b, c]), rtol=2e-3, atol=2e-4)


def test_an_estimator_is_a_name_or_a_name_with_settings() -> None:
    plain = hebbian_config(estimator="pes")
    assert plain.model_dump(mode="json")["estimator"] == "pes"
    written_out = hebbian_config(estimator={"name": "pes", "settings": {"pairs": 8}})
    assert written_out == plain  # 8 is the default
    changed = hebbian_config(estimator={"name": "pes", "settings": {"pairs": 3}})
    dumped = changed.model_dump(mode="json")
    assert dumped["estimator"] == {"name": "pes", "settings": {"pairs": 3}}
    assert parse_config(dumped) == changed
    laid = lay({"estimator": "es-single"}, {"estimator": {"settings": {"sigma": 0.5}}})
    assert laid["estimator"] == {"name": "es-single", "settings": {"sigma": 0.5}}
    with pytest.warns(UserWarning, match=r"'es-single' are dropped \(sigma\)"):
        assert lay(laid, {"estimator": "full"}) == {"estimator": {"name": "full"}}


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (
            {"name": "pes", "settings": {"pears": 3}},
            r"estimator\.settings\.pears: there is no such setting.*pairs",
        ),
        (
            {"name": "pes", "settings": {"pairs": 0}},
            r"estimator\.settings\.pairs: give a whole number, at least 1",
        ),
        (
            {"name": "full", "settings": {"pairs": 3}},
            r"estimator\.settings\.pairs: there is no such setting",
        ),
        ({"name": "pse"}, "unknown estimator 'pse'"),
        ({"kind": "pes"}, "kind"),
        (3, "estimator"),
    ],
)
def test_wrong_settings_give_a_one_line_error(estimator: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        hebbian_config(estimator=estimator)
    assert "\n" not in str(caught.value)

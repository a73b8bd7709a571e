"""Arrays keep their types through a checkpoint, so that nothing is compiled again on resuming.

A weakly typed array, such as `jnp.full(n, 0.5)`, would be strongly typed after loading; every
program that takes it would be traced and compiled again at the first resume of every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from metaplastic.meta.config import MetaTrainConfig
from metaplastic.meta.engines import programs
from metaplastic.meta.run.run_dir import RunDir
from metaplastic.meta.run.trainer import Trainer
from metaplastic.rules import RULES, make_rule

from .conftest import hebbian_config, tiny_config

# starting tasks, an estimate, an update of θ, replacing a task, validation
PROGRAMS = (
    "jit__begin-",
    "jit_estimate-",
    "jit_apply-",
    "jit__put-",
    "jit__run-",
    "jit__accuracy-",
    "jit__loss-",
)
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in RULES),
    ("local", {"backward": "separate"}),
    ("local", {"subspace": True, "resting_bias": True}),
]


def weakly_typed(tree: Any) -> list[str]:
    """Return the names of weakly typed arrays."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_array))
    return [
        jax.tree_util.keystr(path) for path, leaf in leaves if getattr(leaf, "weak_type", False)
    ]


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_no_array_of_a_fresh_rule_is_weakly_typed(name: str, settings: dict[str, Any]) -> None:
    assert weakly_typed(RULES[name].create(jax.random.key(0), **settings)) == []
    assert weakly_typed(make_rule(name, jax.random.key(0), **settings)) == []


@pytest.mark.parametrize("config", [hebbian_config(), tiny_config()], ids=lambda c: c.rule.name)
def test_no_array_of_a_run_is_weakly_typed(config: MetaTrainConfig, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", config)
    trainer = Trainer(run)
    trainer._begin()
    assert weakly_typed(trainer._tree()) == []
    assert weakly_typed(trainer._engine._groups) == []
    assert weakly_typed(trainer.rule) == []
    run.close()


def _as_in_a_new_process() -> None:
    programs.forget()
    jax.clear_caches()


@pytest.fixture
def compiled(tmp_path: Path) -> Iterator[Path]:
    """An initially empty folder in which every compiled program is cached."""
    settings = {
        "jax_compilation_cache_dir": str(tmp_path / "compiled"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}

    def apply(values: dict[str, Any]) -> None:
        for name, value in values.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        _as_in_a_new_process()

    apply(settings)
    yield tmp_path / "compiled"
    apply(before)


def _programs(folder: Path) -> set[str]:
    """Return the compiled programs of a run, by function and key."""
    names = [path.name for path in folder.iterdir() if path.name.startswith(PROGRAMS)]
    assert {name.split("-")[0] + "-" for name in names} == set(PROGRAMS)
    return {name.removesuffix("-cache").removesuffix("-atime") for name in names}


@pytest.mark.slow
def test_the_first_resume_compiles_nothing_again(compiled: Path, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", hebbian_config(validation={"every": 1}))
    Trainer(run).train(until=2)
    run.close()
    before = _programs(compiled)
    _as_in_a_new_process()
    run = RunDir.resume(tmp_path / "run", None)
    Trainer(run).train(until=3)
    run.close()
    assert _programs(compiled) - before == set()

"""What the entries of all registries have in common; what those of one pass is in the files beside
this one, which take up a new entry by its being registered."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from metaplastic.data import SOURCES
from metaplastic.evaluation.baselines import (
    BASELINES,
)
from metaplastic.evaluation.studies import STUDIES
from metaplastic.meta.engines import ENGINES, Engine
from metaplastic.meta.estimators import ESTIMATORS
from metaplastic.objectives import OBJECTIVES
from metaplastic.registry import Registry
from metaplastic.rules import RULES
from metaplastic.tasks import (
    GENERATORS,
)

REGISTRIES = (RULES, OBJECTIVES, ESTIMATORS, ENGINES, SOURCES, GENERATORS, BASELINES, STUDIES)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_name_is_its_entrys_own(registry: Registry[Any]) -> None:
    for name, entry in registry.items():
        own = getattr(entry, "address", getattr(entry, "name", name))
        assert own == name


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_one(name: str) -> None:
    """How each trains is tested in `cli/test_engines.py` and in `meta/`: most need processes."""
    engine = ENGINES[name]
    assert issubclass(engine, Engine)
    assert not inspect.isabstract(engine)
    assert isinstance(engine.synchronous, bool)

"""What the entries of all registries have in common; what those of one pass is in the files beside
this one, which take up a new entry by its being registered."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from metaplastic.base_model import LAYERS
from metaplastic.data import SOURCES
from metaplastic.errors import ConfigError
from metaplastic.evaluation.baselines import (
    BASELINES,
)
from metaplastic.evaluation.studies import STUDIES
from metaplastic.meta.engines import ENGINES, Engine
from metaplastic.meta.estimators import ESTIMATORS
from metaplastic.objectives import OBJECTIVES
from metaplastic.registry import Registry
from metaplastic.rules import RULES
from metaplastic.rules.local.senses import SENSES
from metaplastic.rules.local.terms import TERMS
from metaplastic.tasks import (
    GENERATORS,
)

REGISTRIES = (
    RULES,
    SENSES,
    TERMS,
    LAYERS,
    OBJECTIVES,
    ESTIMATORS,
    ENGINES,
    SOURCES,
    GENERATORS,
    BASELINES,
    STUDIES,
)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_entry_could_be_a_users(registry: Registry[Any]) -> None:
    """Under its own name: it is of the right kind, complete, and calls itself that."""
    for name, entry in list(registry.items()):
        registry.register(name, entry)


@pytest.mark.parametrize(("registry", "own"), [(LAYERS, "kind"), (GENERATORS, "address")])
def test_layers_and_generators_have_their_own_attributes_for_names(
    registry: Registry[Any], own: str
) -> None:
    entry = next(iter(registry.values()))
    with pytest.raises(ConfigError, match=f"its `{own}` is '{getattr(entry, own)}'"):
        registry.register("other", entry)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_one(name: str) -> None:
    """How each trains is tested in `cli/test_engines.py` and in `meta/`: most need processes."""
    engine = ENGINES[name]
    assert issubclass(engine, Engine)
    assert not inspect.isabstract(engine)
    assert isinstance(engine.synchronous, bool)

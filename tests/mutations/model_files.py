"""Rule files, encoders, classifiers and regressors: how they are made, read and changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import equinox as eqx
import jax
import numpy as np
from safetensors.numpy import save

from metaplastic import hub
from metaplastic.encoder import PlasticClassifier, PlasticEncoder, PlasticRegressor
from metaplastic.errors import MetaplasticError
from metaplastic.hub import container
from metaplastic.rules import make_rule

from .attempts import Kind
from .mutate import Arrays, Mutate, arrays_and_metadata, as_json

HERE = Path(__file__).resolve().parents[1]
CARD = hub.RuleCard(
    title="β", training_data=("glyphs",), metrics={"mnist": 0.7}, seed=3, meta_steps=5, notes="a|b"
)


def bytes_of(tree: Any) -> bytes:
    return b"".join(
        np.asarray(a).tobytes() for a in jax.tree.leaves(eqx.filter(tree, eqx.is_array))
    )


def copied(source: Path) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / source.name
        path.write_bytes(source.read_bytes())
        return path

    return make


def saved(arrays: Arrays, metadata: dict[str, str]) -> bytes:
    return save(arrays, {**metadata, "sha256": container.digest(arrays, metadata)})


def changed_contents(data: bytes, rng: Random) -> bytes:
    """Arrays or metadata of a rule file, an encoder or a checkpoint changed, with a new digest."""
    contents = container.parse(data, "whole", MetaplasticError)
    return saved(*arrays_and_metadata(contents.arrays, contents.metadata, rng))


def changed_card(data: bytes, rng: Random) -> bytes:
    contents = container.parse(data, "whole", MetaplasticError)
    text = as_json(contents.metadata["card"].encode(), rng).decode("utf-8", "replace")
    return saved(contents.arrays, {**contents.metadata, "card": text})


def rule_file(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "rule.safetensors"
        hub.save_rule(make_rule(name, jax.random.key(0)), path, CARD)
        return path

    return make


def read_rule(path: Path) -> tuple[Any, ...]:
    rule = hub.load_rule(path)
    return rule.name, rule.settings, bytes_of(rule), hub.load_card(path), hub.rule_page(path)


def read_encoder(path: Path) -> tuple[Any, ...]:
    encoder = PlasticEncoder.load(path)
    trees = (encoder.phi_, encoder.rule_, encoder.rule_state_, encoder.network_.statistics)
    return repr(encoder.get_params(deep=False)), bytes_of(trees), encoder.n_iter_


def read_estimator(kind: type[PlasticClassifier | PlasticRegressor]) -> Callable[[Path], Any]:
    def read(path: Path) -> tuple[Any, ...]:
        found = kind.load(path)
        told = getattr(found, "classes_", None), found.n_labelled_, found.readouts_
        return repr((found.get_params(), told)), bytes_of(found.encoder_.phi_)

    return read


def changed_facts(data: bytes, rng: Random) -> bytes:
    """What a classifier's or a regressor's file says of it changed, with a new digest."""
    contents = container.parse(data, "whole", MetaplasticError)
    (name,) = {"classifier", "regressor"} & contents.metadata.keys()
    text = as_json(contents.metadata[name].encode(), rng).decode("utf-8", "replace")
    return saved(contents.arrays, {**contents.metadata, name: text})


def estimator_kind(
    name: str, kind: type[PlasticClassifier | PlasticRegressor], **ways: Mutate
) -> Kind:
    file = HERE / "encoder" / "files" / f"{name}-v1.safetensors"
    return Kind(name, copied(file), read_estimator(kind), ways, True)

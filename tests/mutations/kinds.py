"""Every kind of file that the product reads back, small and whole, and how it is read."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import jax
import numpy as np
from safetensors.numpy import load, save

from metaplastic.cli.info import info
from metaplastic.data import cache
from metaplastic.data.dataset import Split
from metaplastic.encoder import PlasticClassifier, PlasticRegressor
from metaplastic.evaluation import store
from metaplastic.evaluation.results import as_numbers, mean_and_error, read_json
from metaplastic.figures import report
from metaplastic.meta import optimizer
from metaplastic.meta.config_tables import make_config
from metaplastic.meta.run import checkpoint
from metaplastic.meta.run.run_dir import write_config
from metaplastic.meta.run.stages import make_stages, read_stages, record_stages
from metaplastic.rules import make_rule

from .attempts import Kind
from .model_files import (
    HERE,
    bytes_of,
    changed_card,
    changed_contents,
    changed_facts,
    copied,
    estimator_kind,
    read_encoder,
    read_rule,
    rule_file,
)
from .mutate import Mutate, arrays_and_metadata, as_json, as_json_lines, change, raw


def _parsed() -> cache.Parsed:
    inputs = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    split = Split(inputs, np.array([0, 1, 0, 1], np.int32), np.arange(4, dtype=np.int32))
    return cache.Parsed({"train": split}, ("a", "β"), ("g",), ("a note",))


def _read_cached(path: Path) -> tuple[Any, ...]:
    with patch.dict(os.environ, METAPLASTIC_CACHE=str(path.parents[1])):
        parsed = cache.cached("set", cache.make_key(["x"]), _parsed)
    splits = {
        name: (np.asarray(s.inputs).tobytes(), s.labels.tobytes(), np.asarray(s.groups).tobytes())
        for name, s in parsed.splits.items()
    }
    return splits, parsed.class_names, parsed.group_names, parsed.notes


def _make_cached(folder: Path) -> Path:
    with patch.dict(os.environ, METAPLASTIC_CACHE=str(folder)):
        cache.cached("set", cache.make_key(["x"]), _parsed)
    (path,) = (folder / "parsed").glob("*.safetensors")
    return path


def _cached(data: bytes, rng: Random) -> bytes:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header["__metadata__"]
    del metadata["digest"]
    arrays, metadata = arrays_and_metadata(load(data), metadata, rng)
    return save(arrays, {**metadata, "digest": cache._digest(arrays, metadata)})


CONFIG = make_config("tiny", None, [{"rule": {"name": "hebbian", "settings": {}}}])
TREE = {
    "rule": make_rule("hebbian", jax.random.key(0)),
    "optimizer": optimizer.start(CONFIG.optimizer, make_rule("hebbian", jax.random.key(0))),
    "engine": {"group0": {"serial": np.arange(2, dtype=np.int32)}},
}


def _make_checkpoint(folder: Path) -> Path:
    path = folder / "step-000000003.safetensors"
    header = checkpoint.Header(meta_step=3, seconds=1.5, validation={"0": 0.5})
    checkpoint.save_checkpoint(path, TREE, header)
    return path


def _read_checkpoint(path: Path) -> tuple[Any, ...]:
    tree, header = checkpoint.load_checkpoint(path, TREE)
    return bytes_of(tree), header


def _make_config_file(folder: Path) -> Path:
    write_config(folder, CONFIG)
    return folder / "config.json"


def _make_metrics(folder: Path) -> Path:
    _make_config_file(folder)
    line = {"meta_step": 1, "loss": 0.5, "task_gradient_norm": 0.1, "gradient_norm": 0.2,
            "truncations": 4, "inner_steps": 40, "dropped": 0, "begun": 1, "seconds": 1.5,
            "compile_seconds": 0.5}  # fmt: skip
    more = {"validation_accuracy": {"0": 0.2, "25": 0.5}, "validation_loss": {"0": 1.0, "25": 0.5}}
    lines = [{**line, "meta_step": n, **(more if n == 2 else {})} for n in (1, 2, 3)]
    path = folder / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _read_run(path: Path) -> None:
    info(str(path.parent))  # prints what it read


def _make_stages(folder: Path) -> Path:
    recipe = folder / "recipe.toml"
    recipe.write_text("[[stages]]\nuntil = 2\n[[stages]]\nseed = 4\n", encoding="utf-8")
    out = folder / "run"
    out.mkdir(exist_ok=True)
    record_stages(out, make_stages(out, "tiny", recipe, []))
    return out / "stages.json"


def _read_stages(path: Path) -> Any:
    return read_stages(path.parent)


def _read_recipe(path: Path) -> Any:
    return make_stages(path.parent / "run", "tiny", path, [])


RECIPE = """\
seed = 3
groups = 2

[tasks]
sources = ["glyphs", "digits@8"]
architectures = { sides = [8], layers = [2, 2], units = [12] }

[optimizer]
learning_rate = 1e-3

[[stages]]
until = 2

[[stages]]
rule = { settings = { hidden = 9 } }
"""


def _make_recipe(folder: Path) -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def _make_recipe_json(folder: Path) -> Path:
    path = folder / "recipe.json"
    path.write_text(CONFIG.model_dump_json(), encoding="utf-8")
    return path


def _read_results(name: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        # drawing takes long: a few of them do
        drawn = zlib.crc32(path.read_bytes()) % 200 == 0
        with patch.object(report, "_embedded", _drawn if drawn else lambda content: ""):
            report._read_section(name, path, read_json(path))

    return read


def _drawn(content: dict[str, Any]) -> str:
    report.draw(content)
    return ""


KEY = {"rule": "abc", "points": [0, 1]}
CURVES = {0: [0.1, 0.5], 1: [0.2, None]}


def _make_cells(folder: Path) -> Path:
    path = folder / "cells.json"
    store.Store(path).numbers(KEY, [*CURVES], lambda seeds: [CURVES[s] for s in seeds])
    return path


def _read_cells(path: Path) -> Any:
    """As a study does."""
    cells = store.Store(path).numbers(KEY, [*CURVES], lambda seeds: [CURVES[s] for s in seeds])
    curves = np.array([as_numbers(curve, 2) for curve in cells])
    return repr([mean_and_error(list(column)) for column in curves.T])


def _cells(data: bytes, rng: Random) -> bytes:
    content = json.loads(data)
    cells = json.loads(json.dumps(change(content["cells"], rng), default=str))
    return json.dumps({**content, "cells": cells, "digest": store.digest(cells)}).encode()


def _results(name: str) -> Kind:
    source = HERE.parent / "results" / f"{name}.json"
    return Kind(f"results of {name}", copied(source), _read_results(name), JSON)


JSON: dict[str, Mutate] = {"raw": raw, "json": as_json}
KINDS = (
    Kind(
        "rule file", rule_file("hebbian"), read_rule, {"raw": raw, "digest": changed_contents}, True
    ),
    Kind("card", rule_file("hebbian"), read_rule, {"digest": changed_card}),
    Kind(
        "encoder",
        copied(HERE / "encoder" / "files" / "encoder-v1.safetensors"),
        read_encoder,
        {"raw": raw, "digest": changed_contents},
        True,
    ),
    estimator_kind("regressor", PlasticRegressor, facts=changed_facts),
    Kind("data cache", _make_cached, _read_cached, {"raw": raw, "digest": _cached}, True),
    Kind(
        "checkpoint",
        _make_checkpoint,
        _read_checkpoint,
        {"raw": raw, "digest": changed_contents},
        True,
    ),
    Kind("metrics.jsonl", _make_metrics, _read_run, {"raw": raw, "json": as_json_lines}),
    Kind("config.json", _make_config_file, _read_run, JSON),
    Kind("stages.json", _make_stages, _read_stages, JSON),
    Kind("recipe in TOML", _make_recipe, _read_recipe, {"raw": raw}),
    Kind("recipe in JSON", _make_recipe_json, _read_recipe, JSON),
    _results("meta-training"),
    Kind("study cells", _make_cells, _read_cells, {**JSON, "digest": _cells}, True),
)
# for the command alone: more of the same kinds
MORE = (
    Kind("learned rule file", rule_file("local"), read_rule, {"raw": raw}, True),
    estimator_kind("regressor", PlasticRegressor, raw=raw, digest=changed_contents),
    estimator_kind(
        "classifier", PlasticClassifier, raw=raw, facts=changed_facts, digest=changed_contents
    ),
    _results("mismatch"),
    _results("labels"),
)

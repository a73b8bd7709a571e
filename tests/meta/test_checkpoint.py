"""Loading a checkpoint gives exactly what was saved, or an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save

from metaplastic.errors import RunError
from metaplastic.hub import container
from metaplastic.meta.run.checkpoint import (
    FORMAT,
    LARGEST,
    Header,
    load_checkpoint,
    save_checkpoint,
)
from metaplastic.rules import RuleState

HEADER = Header(meta_step=7, seconds=1.5, validation={"0": 0.25, "10": 0.5})


def _tree() -> dict[str, Any]:
    return {
        "rule": {"w": jnp.arange(6, dtype=jnp.float32).reshape(2, 3), "empty": jnp.zeros((0, 2))},
        "optimizer": {"step": jnp.asarray(3, jnp.int32), "average": jnp.ones(3)},
        "engine": {
            "phi": [jnp.full((2, 2), jnp.nan), jnp.zeros(1, bool)],
            "serial": np.arange(2, dtype=np.int32),
        },
    }


def _arrays(tree: Any) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def _write(path: Path, header: Any, *, version: str, tree: Any = None) -> None:
    """Write a checkpoint with any header; version 1 has no digest, version 2 a correct one."""
    text = header if isinstance(header, str) else json.dumps(header)
    metadata = {"format": FORMAT, "version": version, "header": text}
    arrays = _arrays(_tree() if tree is None else tree)
    if version == "1":
        path.write_bytes(save(arrays, metadata))
    else:
        container.write(path, arrays, metadata, RunError)


def _assert_same(tree: Any) -> None:
    for ours, theirs in zip(jax.tree.leaves(tree), jax.tree.leaves(_tree()), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert np.asarray(ours).dtype == np.asarray(theirs).dtype


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, _tree(), HEADER)
    tree, header = load_checkpoint(path, _tree())
    _assert_same(tree)
    assert header == HEADER
    assert list(tmp_path.iterdir()) == [path]


def test_checkpoints_without_a_digest_still_load(tmp_path: Path) -> None:
    _write(tmp_path / "a", HEADER.model_dump(), version="1")
    tree, header = load_checkpoint(tmp_path / "a", _tree())
    _assert_same(tree)
    assert header == HEADER


def test_any_flipped_bit_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, _tree(), HEADER)
    whole = path.read_bytes()
    for at in range(len(whole)):
        bit = 1 << (at % 8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        with pytest.raises(RunError) as error:
            load_checkpoint(path, _tree())
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 900


@pytest.mark.parametrize("version", ["1", "2"])
def test_ages_counted_by_rules_become_those_of_tasks(version: str, tmp_path: Path) -> None:
    """Up to version 2, `rule_state` held the inner steps of each task."""

    class Counted(eqx.Module):
        age: jax.Array

    age = jnp.array([4, 9], jnp.int32)
    old = {**_tree(), "engine": {"group0": {"rule_state": Counted(age), "serial": jnp.ones(2)}}}
    new = {**_tree(), "engine": {"group0": {"rule_state": RuleState(), "age": jnp.zeros_like(age),
                                            "serial": jnp.zeros(2)}}}  # fmt: skip
    _write(tmp_path / "old", HEADER.model_dump(), version=version, tree=old)
    tree, _ = load_checkpoint(tmp_path / "old", new)
    assert tree["engine"]["group0"]["age"].tolist() == [4, 9]
    assert tree["engine"]["group0"]["serial"].tolist() == [1, 1]
    save_checkpoint(tmp_path / "again", tree, HEADER)
    again, _ = load_checkpoint(tmp_path / "again", new)
    assert again["engine"]["group0"]["age"].tolist() == [4, 9]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("cut", [0, 1, 8, 100, -1])
def test_a_file_cut_short_is_damaged(version: str, cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    _write(path, HEADER.model_dump(), version=version)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RunError):
        load_checkpoint(path, _tree())


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("header", "named"),
    [
        ({"seconds": 1.0, "validation": {}}, "meta_step"),
        ({"meta_step": 1, "validation": {}}, "seconds"),
        ({"meta_step": 1, "seconds": 1.0}, "validation"),
        ({"meta_step": "1", "seconds": 1.0, "validation": {}}, "meta_step"),
        ({"meta_step": -1, "seconds": 1.0, "validation": {}}, "meta_step"),
        ({"meta_step": 1, "seconds": float("nan"), "validation": {}}, "seconds"),
        ({"meta_step": 1, "seconds": 1.0, "validation": {"0": "x" * 5000}}, "validation"),
        ({"meta_step": int("9" * 4000), "seconds": 1.0, "validation": {}}, "meta_step"),
        ([], "header"),
        ("", "header"),
        ("[" * 100_000, "header"),
        ("{", "header"),
    ],
)
def test_the_error_names_a_bad_header_field(
    header: Any, named: str, version: str, tmp_path: Path
) -> None:
    _write(tmp_path / "a", header, version=version)
    with pytest.raises(RunError, match=f"damaged checkpoint .*{named}") as error:
        load_checkpoint(tmp_path / "a", _tree())
    assert len(str(error.value)) < 900


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 5e35, -2 * LARGEST])
@pytest.mark.parametrize("part", ["w", "average"])
def test_absurd_theta_is_refused(part: str, value: float, version: str, tmp_path: Path) -> None:
    tree = _tree()
    if part == "w":
        tree["rule"]["w"] = tree["rule"]["w"].at[1, 1].set(value)
    else:
        tree["optimizer"]["average"] = tree["optimizer"]["average"].at[0].set(value)
    _write(tmp_path / "a", HEADER.model_dump(), version=version, tree=tree)
    with pytest.raises(RunError, match=f"damaged checkpoint .*{part}.* holds"):
        load_checkpoint(tmp_path / "a", _tree())


def test_checkpoints_of_other_runs_are_refused(tmp_path: Path) -> None:
    other = _tree()
    other["rule"]["more"] = other["rule"].pop("empty")
    _write(tmp_path / "names", HEADER.model_dump(), version="2", tree=other)
    other = _tree()
    other["rule"]["w"] = other["rule"]["w"].T
    _write(tmp_path / "shapes", HEADER.model_dump(), version="2", tree=other)
    for name in ("names", "shapes"):
        with pytest.raises(RunError, match="does not fit this configuration"):
            load_checkpoint(tmp_path / name, _tree())
    _write(tmp_path / "newer", HEADER.model_dump(), version="4")
    with pytest.raises(RunError, match="version '4'"):
        load_checkpoint(tmp_path / "newer", _tree())
    (tmp_path / "rule").write_bytes(save({}, {"format": "metaplastic-rule"}))
    with pytest.raises(RunError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "rule", _tree())
    with pytest.raises(RunError, match="damaged checkpoint"):
        load_checkpoint(tmp_path / "none", _tree())

"""Rule files: what is saved comes back; whatever is damaged is refused in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load, save, save_file

import metaplastic
from metaplastic.errors import RuleFileError
from metaplastic.hub import (
    RuleCard,
    container,
    load_card,
    load_rule,
    rule_page,
    save_rule,
    shipped_rules,
)
from metaplastic.rules import make_rule

FILES = Path(__file__).parent / "files"
CARD = RuleCard(
    title="Ein Versuch: β",
    training_data=("glyphs", "cifar10"),
    held_out_data=("mnist",),
    metrics={"mnist@14": 0.745, "broken": float("nan"), "best": float("inf")},
    command="metaplastic meta-train --preset quick --out runs/a",
    seed=3,
    meta_steps=300,
    wall_clock_seconds=600.5,
    hardware="2 cores",
    licence="Apache-2.0",
    notes="a | b",
)


def rewrite(path: Path, *, arrays: dict | None = None, **metadata: str) -> Path:
    """The file at `path` with other arrays or metadata, and a digest that fits."""
    contents = container.read(path, 10**8, RuleFileError)
    out = path.with_name("changed.safetensors")
    container.write(
        out, arrays or contents.arrays, {**contents.metadata, **metadata}, RuleFileError
    )
    return out


@pytest.fixture(scope="module")
def payload(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("rule") / "r.safetensors"
    save_rule(make_rule("hebbian", jax.random.key(0)), path, CARD)
    return path.read_bytes()


@pytest.fixture
def rule_path(tmp_path: Path, payload: bytes) -> Path:
    path = tmp_path / "r.safetensors"
    path.write_bytes(payload)
    return path


def refused(path: Path | str, *words: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        load_rule(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_settings_other_than_the_defaults_come_back(tmp_path: Path) -> None:
    rule = make_rule("hebbian", jax.random.key(1), inner_step=0.25, half_life=7)
    save_rule(rule, tmp_path / "a.safetensors", RuleCard())
    assert eqx.tree_equal(rule, load_rule(tmp_path / "a.safetensors"))


def test_fields_are_the_tensors_names_and_metadata_are_strings(rule_path: Path) -> None:
    with safe_open(rule_path, "numpy") as file:
        metadata = file.metadata()
        assert set(file.keys()) == {"subspace", "decorrelation"}
    assert metadata["format"] == "metaplastic-rule"
    assert metadata["format_version"] == "1"
    assert metadata["package_version"] == metaplastic.__version__
    assert metadata["jax_version"] == jax.__version__
    assert json.loads(metadata["card"])["training_data"] == ["glyphs", "cifar10"]
    assert len(metadata["sha256"]) == 64


@pytest.mark.parametrize("path", sorted(FILES.glob("rule-v*.safetensors")), ids=lambda p: p.name)
def test_a_file_of_every_format_version_stays_readable(path: Path) -> None:
    rule = load_rule(path)
    assert rule.name == "hebbian"
    np.testing.assert_array_equal(rule.subspace, np.float32(0.75))
    assert rule.settings["half_life"] == 30.0
    assert load_card(path).seed == 7


def test_there_is_a_file_of_the_current_version() -> None:
    from metaplastic.hub.rule_file import FORMAT_VERSION

    for version in range(1, FORMAT_VERSION + 1):
        assert (FILES / f"rule-v{version}.safetensors").is_file()


def test_an_existing_file_survives_a_failed_write(rule_path: Path, monkeypatch) -> None:
    before = rule_path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RuleFileError, match="No space left"):
        save_rule(make_rule("hebbian", jax.random.key(0)), rule_path, RuleCard())
    assert rule_path.read_bytes() == before
    assert list(rule_path.parent.iterdir()) == [rule_path]


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match="cannot be written"):
        save_rule(make_rule("hebbian", jax.random.key(0)), tmp_path / "no" / "a.safetensors")


def test_missing_files_and_names(tmp_path: Path) -> None:
    refused(tmp_path / "none.safetensors", "no such file")
    refused("no_such_rule", "no rule named 'no_such_rule'", "shipped")
    refused(tmp_path, "not a file")
    refused("", "not the name or path")
    refused("a\0b.safetensors", "cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    refused(tmp_path / "pipe.safetensors", "not a file")


def test_shapes_dtypes_and_names_are_checked(rule_path: Path) -> None:
    good = container.read(rule_path, 10**8, RuleFileError).arrays
    for wrong, word in [
        ({**good, "subspace": np.ones(3, np.float32)}, "expected float32 of shape ()"),
        ({**good, "subspace": np.ones((), np.float64)}, "is float64"),
        ({**good, "more": np.ones(3, np.float32)}, "unknown: more"),
        ({"subspace": good["subspace"]}, "missing: decorrelation"),
        ({**good, "subspace": np.array(np.nan, np.float32)}, "not finite"),
    ]:
        refused(rewrite(rule_path, arrays=wrong), word)


def test_metadata_are_checked(rule_path: Path) -> None:
    refused(rewrite(rule_path, format_version="2"), "format version 2", "upgrade")
    refused(rewrite(rule_path, format_version="²"), "not a number")
    refused(rewrite(rule_path, format="else"), "not a rule file")
    refused(rewrite(rule_path, rule="bogus"), "'bogus'", "local")
    refused(rewrite(rule_path, settings='{"bogus": 1}'), "does not take the settings")
    refused(rewrite(rule_path, settings="[1]"), "does not take the settings")
    refused(rewrite(rule_path, settings='{"inner_step": -1}'), "does not take the settings")
    with pytest.raises(RuleFileError, match="card"):
        load_card(rewrite(rule_path, card='{"bogus": 1}'))


def test_settings_that_ask_for_huge_arrays_cost_nothing(tmp_path: Path) -> None:
    save_rule(make_rule("local", jax.random.key(0)), tmp_path / "a.safetensors")
    refused(rewrite(tmp_path / "a.safetensors", settings='{"hidden": 200000}'), "expected float32")


def test_other_safetensors_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": np.ones(3, np.float32)}, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", "sha256")
    save_file({"a": np.ones(3)}, tmp_path / "b.safetensors", {"format": "pt"})
    refused(tmp_path / "b.safetensors")
    (tmp_path / "deep.safetensors").write_bytes((100_000).to_bytes(8, "little") + b"[" * 100_000)
    refused(tmp_path / "deep.safetensors", "header")


def test_a_changed_tensor_is_found_by_the_digest(rule_path: Path, payload: bytes) -> None:
    with safe_open(rule_path, "numpy") as file:
        metadata = file.metadata()
    arrays = load(payload)
    arrays["subspace"] = np.array(1.000001, np.float32)
    rule_path.write_bytes(save(arrays, metadata))
    refused(rule_path, "sha256 does not match")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_damage_passes_unseen(payload: bytes, tmp_path_factory, data: st.DataObject) -> None:
    """Cut short, lengthened, bits flipped, bytes replaced: refused, or it means the same."""
    damaged = bytearray(payload)
    kind = data.draw(st.sampled_from(["cut", "append", "flip", "replace"]))
    if kind == "cut":
        del damaged[data.draw(st.integers(0, len(payload) - 1)) :]
    elif kind == "append":
        damaged += data.draw(st.binary(min_size=1, max_size=40))
    elif kind == "flip":
        for bit in data.draw(st.lists(st.integers(0, 8 * len(payload) - 1), min_size=1)):
            damaged[bit // 8] ^= 1 << bit % 8
    else:
        piece = data.draw(st.binary(min_size=1, max_size=40))
        start = data.draw(st.integers(0, len(payload) - 1))
        damaged[start : start + len(piece)] = piece
    path = tmp_path_factory.getbasetemp() / "fuzz.safetensors"
    path.write_bytes(damaged)
    try:
        rule, card = load_rule(path), load_card(path)
    except RuleFileError as error:
        line = str(error)
    else:
        line = ""
        original = make_rule("hebbian", jax.random.key(0))
        assert eqx.tree_equal(rule, original)
        assert card.model_dump_json() == CARD.model_dump_json()
    assert "\n" not in line


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=200), length=st.integers(0, 2**64 - 1))
def test_noise_is_refused(noise: bytes, length: int) -> None:
    for payload in (noise, length.to_bytes(8, "little") + noise):
        with pytest.raises(RuleFileError):
            container.parse(payload, "noise", RuleFileError)


@settings(max_examples=100, deadline=None)
@given(
    header=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["__metadata__", "a", "dtype", "shape", "data_offsets"])
                | st.text(max_size=4),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    body=st.binary(max_size=16),
)
def test_any_json_header_is_refused(header: object, body: bytes) -> None:
    text = json.dumps(header).encode()
    with pytest.raises(RuleFileError):
        container.parse(len(text).to_bytes(8, "little") + text + body, "json", RuleFileError)


def test_the_page_says_what_is_in_the_file(rule_path: Path) -> None:
    page = rule_page(rule_path)
    assert page.startswith("---\nlibrary_name: metaplastic\nlicense: apache-2.0\n")
    for words in ("hebbian", "glyphs, cifar10", "0.745", "10 min", "300", "inner_step = 0.1"):
        assert words in page
    assert "pickle" not in page


@pytest.mark.parametrize("name", shipped_rules())
def test_shipped_rules_load_by_name_and_are_small(name: str) -> None:
    path = Path(metaplastic.__file__).parent / "rules_shipped" / f"{name}.safetensors"
    assert path.stat().st_size < 1_000_000
    assert eqx.tree_equal(load_rule(name), load_rule(path))
    card = load_card(name)
    assert card.training_data
    assert card.licence
    assert name in rule_page(name)


def test_loading_a_rule_reads_no_pickle(rule_path: Path) -> None:
    code = (
        "import pickle, sys\n"
        "def refuse(*a, **k): raise SystemExit('pickle was read')\n"
        "import metaplastic.hub\n"
        "pickle.load = pickle.loads = pickle.Unpickler = refuse\n"
        "metaplastic.load_rule(sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(rule_path)], check=True)

"""hf:// addresses against a stand-in server on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import equinox as eqx
import jax
import pytest
from tests.hub.stand_in import StandIn, stand_in

from metaplastic.cli.app import main
from metaplastic.errors import MissingExtraError, RuleFileError
from metaplastic.hub import RuleCard, load_card, load_rule, push_to_hub, remote, save_rule
from metaplastic.rules import make_rule

constants = pytest.importorskip(
    "huggingface_hub.constants", reason="the extra `hub` is not installed"
)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with stand_in() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_rule(
        make_rule("hebbian", jax.random.key(0), half_life=12.0),
        tmp_path / "r.safetensors",
        RuleCard(title="A rule to share", seed=5),
    )
    return tmp_path / "r.safetensors"


def test_what_is_pushed_is_loaded(server: StandIn, path: Path) -> None:
    address = push_to_hub(path, "someone/plastic", token="hf_stand_in")
    assert address == "hf://someone/plastic"
    files = server.repositories["someone/plastic"]
    assert files["rule.safetensors"] == path.read_bytes()
    page = files["README.md"].decode()
    assert page.startswith("---\nlibrary_name: metaplastic")
    assert 'PlasticEncoder(rule="hf://someone/plastic")' in page
    assert str(path.parent) not in page

    assert eqx.tree_equal(load_rule(address), load_rule(path))
    assert load_card("hf://someone/plastic@main").title == "A rule to share"


def test_the_commands_push_and_pull(
    server: StandIn,
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["metaplastic", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0)

    monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
    copy = tmp_path / "copy.safetensors"
    assert run("push", str(path), "someone/plastic") == 0
    assert run("pull", "someone/plastic", "--out", str(copy)) == 0
    assert copy.read_bytes() == path.read_bytes()
    assert "PlasticEncoder(rule='hf://someone/plastic')" in capsys.readouterr().out
    assert run("pull", "someone/else") == 2
    assert run("push", str(tmp_path / "none.safetensors"), "someone/plastic") == 2
    assert [line[:12] for line in capsys.readouterr().err.splitlines()] == ["metaplastic:"] * 2


def test_a_rule_is_not_pushed_to_a_revision(server: StandIn, path: Path) -> None:
    with pytest.raises(RuleFileError, match="give someone/plastic without @v2"):
        push_to_hub(path, "someone/plastic@v2", token="hf_stand_in")
    assert not server.requests


def test_what_is_not_there_is_one_line(server: StandIn, path: Path) -> None:
    server.repositories["someone/empty"] = {}
    for address in ("hf://no/body", "hf://someone/empty", "hf://someone/empty@v9"):
        with pytest.raises(RuleFileError, match="cannot be downloaded") as caught:
            load_rule(address)
        assert "\n" not in str(caught.value)


def test_a_damaged_file_is_refused(server: StandIn, path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    server.repositories["someone/broken"] = {"rule.safetensors": bytes(damaged)}
    with pytest.raises(RuleFileError, match="sha256"):
        load_rule("hf://someone/broken")
    path.write_bytes(damaged)
    with pytest.raises(RuleFileError, match="sha256"):
        push_to_hub(path, "someone/else")
    assert "someone/else" not in server.repositories


@pytest.mark.parametrize("address", ["hf://", "hf://a", "hf://a/b/c", "hf://../b@", "hf://a/b?x"])
def test_addresses_are_checked_before_anything_is_asked(server: StandIn, address: str) -> None:
    with pytest.raises(RuleFileError, match="hf://owner/name"):
        load_rule(address)
    assert not server.requests


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"metaplastic\[hub\]"):
        remote.fetch("hf://a/b")

"""`--help` of every command fits 80 columns and cuts no word, examples least of all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from rich.text import Text

from metaplastic.cli.app import commands, main

WIDTH = 80


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


ALL = dict(walk(commands()))


def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setattr(sys, "argv", ["metaplastic", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "metaplastic")
def test_help_fits_and_cuts_no_word(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(monkeypatch, capsys, *path, "--help")
    assert all(len(line) <= WIDTH for line in shown.splitlines())
    assert "…" not in shown
    command = ALL[path]
    texts = [command.help or "", *(getattr(p, "help", None) or "" for p in command.params)]
    texts += [p.metavar or "" for p in command.params]
    missing = {w for text in texts for w in Text.from_markup(text).plain.split() if w not in shown}
    assert not missing
    names = [name for p in command.params for name in p.opts if name.startswith("-")]
    assert not [name for name in names if name not in shown]


def test_shell_completion_is_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--install-completion" in printed(monkeypatch, capsys, "--help")
    monkeypatch.setenv("_METAPLASTIC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "metaplastic evaluate --la")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert printed(monkeypatch, capsys).split() == ["--labels-per-class", "--layers"]

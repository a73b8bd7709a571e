"""What a command prints, whatever the terminal takes; how it ends, whatever goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import pytest

from metaplastic.cli import app, ending, runtime, showing
from metaplastic.errors import MetaplasticError

LOCAL = {**os.environ, "TERM": "dumb"}


def _every(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _every(below, (*path, name))


PATHS = [path for path, _ in _every(app.commands())]


def _run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "metaplastic", *arguments],
        **{"capture_output": True, "text": True, "check": False, "timeout": 300, **more},
    )


def _characters(text: str) -> str:
    """A text without spaces and the lines of a panel."""
    return "".join(c for c in text if not c.isspace() and c not in "│|─╭╮╰╯+")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "metaplastic")
def test_help_says_all_that_is_written(path: tuple[str, ...], capsys) -> None:
    from typer.main import get_command

    app.commands()([*path, "--help"], standalone_mode=False)
    shown = _characters(capsys.readouterr().out)
    command: Any = dict(_every(get_command(app.app)))[path]
    texts = [command.help, *(parameter.help for parameter in command.params)]
    texts += [below.help for below in getattr(command, "commands", {}).values()]
    assert any(texts)
    for text in filter(None, texts):
        first = cleandoc(text).split("\n\n")[0] if text != command.help else cleandoc(text)
        assert _characters(first) in shown


def test_brackets_in_help_are_no_markup(capsys) -> None:
    app.commands()(["meta-train", "--help"], standalone_mode=False)
    assert "[[stages]]" in capsys.readouterr().out


EVERY_COMMAND = """
import json, sys
from metaplastic.cli.app import main

statuses = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["metaplastic", *arguments]
    try:
        main()
    except SystemExit as end:
        statuses.append(end.code)
sys.exit(0 if set(statuses) == {0} else f"{statuses}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_code_page_that_lacks_characters_is_no_error(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "θ [b].csv").write_text("a,label\n" + "1,x\n2,y\n" * 20, encoding="utf-8")
    commands = [
        *([*path, "--help"] for path in PATHS),
        ["data", "list"],
        ["data", "info", "digits"],
        ["data", "info", f"csv:{tmp_path}/θ [b].csv?label=label"],
        ["info", "default"],
    ]
    if encoding == "cp1252":
        commands.append(
            ["evaluate", "hebbian", "--seeds=2", "--inner-steps=1", "--hidden=8", "--baselines=raw"]
        )
    done = subprocess.run(
        [sys.executable, "-c", EVERY_COMMAND, json.dumps(commands)],
        capture_output=True,
        check=False,
        timeout=300,
        env={**LOCAL, "PYTHONIOENCODING": encoding},
    )
    # click takes ASCII for a mistake, and writes UTF-8
    output = (done.stdout + done.stderr).decode("utf-8" if encoding == "ascii" else encoding)
    assert done.returncode == 0, output
    assert "Traceback" not in output
    assert ("θ [b].csv" if encoding == "ascii" else "? [b].csv") in output
    assert "Number of updates of ?" in output  # by rich
    assert "[[stages]]" in output


def test_what_is_printed_is_not_markup(capsys) -> None:
    from rich.table import Table

    showing.console.cache_clear()
    table = Table("name", title="[title] :smile:")
    table.add_row("[bold]cell[/]")
    showing.console().print("folder:[b] :smile: [/x]")
    showing.console().print(table)
    showing.say("written to " + "long/" * 40 + "a b.json")
    output = capsys.readouterr().out
    assert "written to " + "long/" * 40 + "a b.json\n" in output
    for text in ("folder:[b] :smile: [/x]", "[title] :smile:", "[bold]cell[/]"):
        assert text in output
    showing.console.cache_clear()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["data", "list"], ["evaluate", "--help"]])
def test_a_full_disk_under_stdout_is_one_line(arguments: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = _run(
            *arguments,
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
            env={**LOCAL, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 2
    assert done.stderr == "metaplastic: cannot write output: No space left on device\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["data", "list"], ["evaluate", "--help"]])
def test_a_reader_that_leaves_is_no_fault(arguments: list[str], unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = _run(
        *arguments,
        capture_output=False,
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**LOCAL, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("name", "value", "output"),
    [
        ("JAX_PLATFORMS", "foo", "Unable to initialize backend 'foo'"),
        ("JAX_PLATFORMS", "foo", "(JAX_PLATFORMS is 'foo')"),
        ("JAX_ENABLE_X64", "maybe", "invalid truth value 'maybe'"),
    ],
)
def test_where_jax_cannot_start_its_own_message_is_told(name: str, value: str, output: str) -> None:
    done = _run("info", "default", env={**LOCAL, name: value})
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("metaplastic: JAX cannot start: ")
    assert output in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_error_without_words_is_told_by_its_type(monkeypatch, capsys) -> None:
    import jax

    def fail() -> None:  # as JAX does where a known platform is asked for and missing
        raise AssertionError

    monkeypatch.setattr(jax, "devices", fail)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert ending.report(RuntimeError()) == 2
    said = capsys.readouterr().err
    assert said == "metaplastic: JAX cannot start: AssertionError (JAX_PLATFORMS is 'cuda')\n"
    monkeypatch.undo()
    assert ending.report(MemoryError()) == 2
    assert capsys.readouterr().err == "metaplastic: out of memory (MemoryError)\n"
    monkeypatch.setenv(ending.TRACEBACK, "1")
    assert ending.report(KeyError()) == ending.FAULT
    assert "metaplastic: KeyError; this is a bug" in capsys.readouterr().err


def test_a_start_of_jax_that_fails_is_not_the_rule_files_fault(monkeypatch) -> None:
    import jax

    from metaplastic.hub import load_rule

    def fail(*_: Any) -> None:
        raise RuntimeError("no device")

    monkeypatch.setattr(jax, "devices", fail)
    with pytest.raises(RuntimeError, match="no device"):
        load_rule("default")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MetaplasticError("a\nb"), "a b"),
        (MetaplasticError("a \x1b[31mb"), "a \ufffd[31mb"),
        (PermissionError(13, "Permission denied", "/a/b"), "/a/b: Permission denied"),
        (MemoryError("Unable to allocate 2 TiB"), "out of memory (Unable to allocate 2 TiB)"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_status_2(error, line: str, capsys) -> None:
    assert ending.report(error) == 2
    assert capsys.readouterr().err == f"metaplastic: {line}\n"


def _fail(error: BaseException) -> None:
    raise error


def test_a_fault_is_one_line_and_its_traceback_is_kept(monkeypatch, capsys, tmp_path: Path) -> None:
    monkeypatch.setattr(ending.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(ending.TRACEBACK, raising=False)
    monkeypatch.setattr(app, "commands", lambda: lambda **_: _fail(KeyError("meta\nstep")))
    monkeypatch.setattr(app, "prepare_output", lambda: None)
    monkeypatch.setattr(app, "keep_interrupts", lambda: None)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 70
    line = capsys.readouterr().err
    (saved,) = tmp_path.iterdir()
    assert line == (
        "metaplastic: KeyError: 'meta\\nstep'; this is a bug in metaplastic, please report it "
        f"with its traceback, which is in {saved}\n"
    )
    assert saved.read_text().startswith("Traceback")
    monkeypatch.setenv(ending.TRACEBACK, "1")
    assert ending.report(KeyError("meta")) == 70
    output = capsys.readouterr().err
    assert output.startswith("KeyError: 'meta'\n")
    assert output.endswith("please report it with its traceback\n")
    assert len([*tmp_path.iterdir()]) == 1


def test_an_interrupt_ends_with_one_line_and_130(monkeypatch, capsys) -> None:
    monkeypatch.setattr(app, "commands", lambda: lambda **_: _fail(KeyboardInterrupt()))
    monkeypatch.setattr(app, "prepare_output", lambda: None)
    monkeypatch.setattr(app, "keep_interrupts", lambda: None)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 130
    assert capsys.readouterr().err == "metaplastic: interrupted\n"


def test_a_card_takes_a_command_with_names_that_are_not_text(monkeypatch) -> None:
    from metaplastic.hub import RuleCard

    monkeypatch.setattr(sys, "argv", ["metaplastic", "info", "\udcff"])
    card = RuleCard(command=runtime.command_line())
    assert card.command == "metaplastic info '?'"
    assert RuleCard.model_validate_json(card.model_dump_json()) == card


def test_a_message_repeats_at_most_a_line_of_what_was_given() -> None:
    from metaplastic.errors import ConfigError
    from metaplastic.meta.config import parse_config

    given = str(MetaplasticError("begin " + "x" * 10**6 + " end"))
    assert len(given) == 1000
    assert given.startswith("begin xxx")
    assert given.endswith("xxx end")
    assert str(MetaplasticError("a\tb\x00\u2028c")) == "a b\ufffd c"
    with pytest.raises(ConfigError) as caught:
        parse_config({"seed": "x" * 10**6, "y" * 10**6: 1, "groups": 0})
    output = str(caught.value)
    assert len(output) < 600
    for words in ("seed: give a whole number", "no such setting", "groups: "):
        assert words in output

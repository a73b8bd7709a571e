"""Wrong arguments, and an interrupt, end a command in one line."""

from __future__ import annotations

import pytest

from metaplastic.cli import ending

from .calls import call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), None),
        (("fit", "x.csv"), "Missing option '--out'; see metaplastic fit --help"),
        (("classify",), "Missing argument 'data'; see metaplastic classify --help"),
        (("fit", "--sed", "1"), "No such option: --sed"),
        (("fit", "x", "--out", "y", "--seed", "a"), "Invalid value for '--seed'"),
        (("nothing",), "No such command 'nothing'; see metaplastic --help"),
        (("data", "nothing"), "No such command 'nothing'; see metaplastic data --help"),
    ],
)
def test_an_error_of_usage_is_one_line(arguments, message, monkeypatch, capsys) -> None:
    assert call(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    if message is None:  # the help, as nothing was asked
        assert "Usage: metaplastic" in out + err
    else:
        assert err.startswith(f"metaplastic: {message}")
        assert err.count("\n") == 1
        assert out == ""


def test_a_command_that_is_interrupted_says_so(monkeypatch, capsys) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("metaplastic.hub.rule_page", interrupt)
    assert call(monkeypatch, "info", "default") == ending.INTERRUPTED
    assert capsys.readouterr().err == "metaplastic: interrupted\n"

"""`metaplastic evaluate` as a user calls it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from metaplastic.cli.app import main

QUICK = ["--seeds", "2", "--inner-steps", "4", "--hidden", "8", "--features", "4"]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "metaplastic", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_writes_numbers_and_prints_a_table(tmp_path):
    out = tmp_path / "found.json"
    done = run("evaluate", "hebbian", "--dataset", "digits", *QUICK, "--out", str(out))
    assert done.returncode == 0, done.stderr
    content = json.loads(out.read_text())
    assert set(content["methods"]) == {"rule", "random", "raw"}
    assert content["methods"]["rule"]["points"] == [0, 1, 2, 3, 4]
    assert f"{content['methods']['raw']['mean']:.3f}" in done.stdout
    assert "not meta-trained" in done.stdout


@pytest.mark.slow
def test_notes_on_the_data_are_printed(tmp_path):
    path = tmp_path / "[x].npz"  # brackets are no markup
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.normal(size=(60, 5)), y=np.arange(60) % 2)
    done = run("evaluate", "hebbian", "--dataset", f"npz:{path}", *QUICK)
    assert done.returncode == 0, done.stderr
    assert f"npz:{path}: no test split given: a seeded fifth of each class" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nothing-like-it"], "nothing-like-it"),
        (["hebbian", "--baselines", "kmeens"], "kmeens"),
        (["hebbian", "--hidden", "12,x"], "--hidden"),
        (["hebbian", "--activation", "rleu"], "relu"),
        (["hebbian", "--dataset", "digitz"], "digits"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(arguments, part, monkeypatch, capsys):
    """By the package's own entry, which is what ends them so, in this process."""
    monkeypatch.setattr(sys, "argv", ["metaplastic", "evaluate", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert part in lines[0]

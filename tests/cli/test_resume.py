"""`metaplastic meta-train` begun, stopped and gone on with, in this process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from metaplastic.cli.app import app
from metaplastic.errors import DataError, RunError
from metaplastic.meta.engines.local import LocalEngine
from metaplastic.meta.presets import PRESETS
from metaplastic.meta.run.claim import Claim
from metaplastic.meta.run.metrics import read_metrics
from metaplastic.meta.run.stages import make_stages, record_stages
from tests.cli.test_meta_train import SETTINGS
from tests.cli.test_stages import FILE, QUICK

STOPPED = 128 + signal.SIGTERM


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _run(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["meta-train", f"--out={out}", *arguments])


def _refused(out: Path, *arguments: str) -> str:
    result = _run(out, *arguments)
    assert isinstance(result.exception, RunError), result.output
    return str(result.exception)


def _stop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gather = LocalEngine.gather

    def gather_then_stop(self, rule, meta_step):
        os.kill(os.getpid(), signal.SIGTERM)
        return gather(self, rule, meta_step)

    monkeypatch.setattr(LocalEngine, "gather", gather_then_stop)


@pytest.mark.slow
def test_after_a_bare_resume_the_runs_own_settings_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    assert _run(out, *SETTINGS, "--meta-steps=6", "--until=3").exit_code == 0
    # the preset that a bare --resume would fall back on is over long before the run is
    monkeypatch.setitem(PRESETS["quick"], "optimizer", {"meta_steps": 2})

    with monkeypatch.context() as stopped:
        _stop_at_once(stopped)
        result = _run(out, "--resume")
    assert result.exit_code == STOPPED
    assert "saved; to continue, run: metaplastic meta-train" in result.stderr
    assert "rule file: " not in result.stdout

    monkeypatch.setitem(PRESETS["quick"], "optimizer", {"meta_steps": 100})
    result = _run(out, "--resume")
    assert [m["meta_step"] for m in read_metrics(out)] == [*range(1, 7)]

    # a finished run, with damaged lines
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"meta_step": 4\n[]\n')
    told = CliRunner().invoke(app, ["info", str(out)])
    assert told.exit_code == 0, told.output
    assert told.output.count("2 lines cut off or damaged, skipped") == 1
    assert "meta-step 6 of 6" in told.output
    again = _run(out, "--resume")
    for done in (result, again):
        assert done.exit_code == 0, done.output
        assert "rule file: " in done.stdout
        assert "to continue, run" not in done.stderr
    assert again.stderr.count("cut off or damaged") == 1
    (out / "checkpoints").rename(out / "moved")
    assert "no checkpoint in" in _refused(out, "--resume")


def test_a_second_start_changes_nothing_of_a_run_in_stages(tmp_path: Path) -> None:
    out, file, other = tmp_path / "run", tmp_path / "a.toml", tmp_path / "b.toml"
    file.write_text(FILE)
    other.write_text(FILE.replace("seed = 5", "seed = 55"))
    claim = Claim(out)  # as the first start has, while it looks for its data
    record_stages(out, make_stages(out, file=file))
    before = (out / "stages.json").read_bytes()
    for command in ([f"--config={other}", *QUICK], [f"--config={file}", *QUICK]):
        assert "in use by a live process" in _refused(out, *command)
        assert (out / "stages.json").read_bytes() == before
    claim.release()


@pytest.mark.parametrize("staged", [True, False])
def test_a_start_that_fails_at_once_leaves_nothing(
    staged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.toml").write_text(FILE)
    more = [f"--config={tmp_path / 'a.toml'}", *QUICK] if staged else SETTINGS

    def fail(*_: object) -> None:
        raise RunError("nothing works")

    monkeypatch.setattr(LocalEngine, "gather", fail)
    assert "nothing works" in _refused(tmp_path / "run", *more)
    assert not (tmp_path / "run").exists()
    missing = ["--tasks=omniglot@28", f"--data-dir={tmp_path}"]
    result = _run(tmp_path / "run", *more, *missing)
    assert isinstance(result.exception, DataError)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"stages": ' + "[" * 900 + "]" * 900 + "}",
        '{"stages": [{"config": {"seed": ' + "9" * 5000 + '}, "until": 1}]}',
        '{"stages": [{"config": {"seed": 1}, "until": ' + "9" * 19 + "0000}]}",
        '{"stages": [{"config": {"seed": 1}}]}',
        '{"stages": [{"until": 1}]}',
        '{"stages": [3]}',
        '{"stages": []}',
        '{"stages": {}}',
        "[]",
        "{",
        "\ufeff",
    ],
)
def test_a_record_of_stages_that_cannot_be_read_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "stages.json").write_text(text, encoding="utf-8")
    for command in (["meta-train", f"--out={tmp_path}", "--resume"], ["info", str(tmp_path)]):
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, RunError), result.output
        assert "stages.json" in str(result.exception)
        assert len(str(result.exception)) < 900


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--config={file}.json"], '{"rule": ' * 2000 + "1" + "}" * 2000),
        (["--config={file}.json"], '{"seed": ' + "9" * 5000 + "}"),
        (["--config={file}.toml"], f"tasks.sources = {DEEP}"),
        (["--config={file}.toml"], "seed = " + "9" * 5000),
        (["--config={file}.toml"], ".".join("a" * 3000) + " = 1"),
        (["--set=tasks.sources=" + DEEP], ""),
        (["--set=seed=" + "9" * 5000], ""),
        (["--set=seed=" + "9" * 4000], ""),
        (["--set=" + ".".join("a" * 3000) + "=1"], ""),
        (["--set=" + "x" * 5000], ""),
    ],
)
def test_no_setting_is_answered_by_more_than_a_line(
    arguments: list[str], text: str, tmp_path: Path
) -> None:
    from metaplastic.errors import ConfigError

    for suffix in (".json", ".toml"):
        (tmp_path / f"c{suffix}").write_text(text)
    file = str(tmp_path / "c")
    result = _run(tmp_path / "run", *(a.replace("{file}", file) for a in arguments))
    assert isinstance(result.exception, ConfigError), result.output
    assert "\n" not in str(result.exception)
    assert len(str(result.exception)) < 900
    assert not (tmp_path / "run").exists()


def test_a_configuration_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    from metaplastic.meta.config_tables import make_table

    for name, text in [("a.JSON", json.dumps({"seed": 3})), ("a.toml", "seed = 3\n")]:
        (tmp_path / name).write_text("\ufeff" + text, encoding="utf-8")
        assert make_table("tiny", tmp_path / name)["seed"] == 3


def test_the_command_to_resume_names_what_the_run_directory_does_not_record(monkeypatch) -> None:
    from metaplastic.cli.lead import _resuming

    plain = "metaplastic meta-train --out runs/a --resume"
    monkeypatch.delenv("METAPLASTIC_IMPORT", raising=False)
    assert _resuming(Path("runs/a"), None) == plain
    monkeypatch.setenv("METAPLASTIC_IMPORT", os.pathsep.join(["my rule.py", "tasks_of_mine"]))
    assert _resuming(Path("runs/a"), Path("data")) == (
        f"{plain} --data-dir=data '--import=my rule.py' --import=tasks_of_mine"
    )

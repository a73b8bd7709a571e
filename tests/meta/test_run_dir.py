"""Run directories: errors come before training, and a failed start leaves no files."""

from __future__ import annotations

import os
from pathlib import Path

import jax.numpy as jnp
import pytest

from metaplastic.errors import RunError
from metaplastic.meta.run.claim import Claim
from metaplastic.meta.run.metrics import read_metrics, write_metrics
from metaplastic.meta.run.run_dir import RunDir, read_config, write_config

TREE = {"rule": {"w": jnp.ones(2)}}
LINE = {"loss": 0.5, "seconds": 1.0, "dropped": 0}


def _begun(path: Path, config, steps: int = 3) -> Path:
    """Make a run that was stopped after `steps` meta-steps."""
    run = RunDir.create(path, config)
    for step in range(steps + 1):
        if step:
            run.append_metrics({"meta_step": step, **LINE})
        run.save(step, TREE, float(step), {})
    run.close()
    return path


def _refused(path: Path) -> str:
    with pytest.raises(RunError) as error:
        RunDir.resume(path, None)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_run_without_its_checkpoints_does_not_start_over(tmp_path: Path, config) -> None:
    run = _begun(tmp_path / "run", config)
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.unlink()
    assert "no checkpoint in" in _refused(run)
    (run / "checkpoints").rmdir()
    assert "it has metrics.jsonl, but no checkpoint" in _refused(run)
    (run / "metrics.jsonl").unlink()
    (run / "rule.safetensors").write_bytes(b"x")
    assert "it has rule.safetensors, but" in _refused(run)
    (run / "rule.safetensors").unlink()
    RunDir.resume(run, None).close()  # nothing was done in it


def test_missing_metrics_give_a_warning(tmp_path: Path, config) -> None:
    path = _begun(tmp_path / "run", config)
    run = RunDir.resume(path, None)
    assert list(run.rewind_metrics(3)) == []
    write_metrics(path, [{"meta_step": 2, **LINE}])
    (warning,) = run.rewind_metrics(3)
    assert "holds only 1 of the 3 meta-steps" in warning
    (path / "metrics.jsonl").write_text("{\n")
    (warning,) = run.rewind_metrics(3)
    assert "1 line cut off or damaged" in warning
    run.close()


def test_rewinding_drops_lines_that_a_resumed_run_writes_again(tmp_path: Path, config) -> None:
    run = RunDir.resume(_begun(tmp_path / "run", config), None)
    assert list(run.rewind_metrics(2)) == []
    assert [line["meta_step"] for line in read_metrics(run.path)] == [1, 2]
    run.close()


@pytest.mark.parametrize("name", ["checkpoints", "rules", "rule.safetensors", "metrics.jsonl"])
@pytest.mark.parametrize("resume", [True, False])
def test_a_broken_link_fails_before_training(
    resume: bool, name: str, tmp_path: Path, config
) -> None:
    path = tmp_path / "run"
    path.mkdir()
    if resume:
        write_config(path, config)
    (path / name).symlink_to(tmp_path / "unmounted" / name)
    with pytest.raises(RunError, match=r"is a broken link|no folder"):
        RunDir.resume(path, None) if resume else RunDir.create(path, config)
    assert (path / name).is_symlink()
    left = {"config.json", name} if resume else {name}
    assert {p.name for p in path.iterdir()} - {".lock", ".pid", "checkpoints", "rules"} <= left
    if not resume:
        assert [p.name for p in path.iterdir()] == [name]


def test_a_link_to_another_disk_is_followed(tmp_path: Path, config) -> None:
    path, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    path.mkdir()
    elsewhere.mkdir()
    (path / "checkpoints").symlink_to(elsewhere)
    _begun(path, config)
    assert len(list(elsewhere.iterdir())) == 2
    RunDir.resume(path, None).close()


def test_a_checkpoint_under_another_name_is_not_gone_on_from(tmp_path: Path, config) -> None:
    path = _begun(tmp_path / "run", config)
    newest = path / "checkpoints" / "step-000000003.safetensors"
    newest.rename(newest.with_name("step-000000009.safetensors"))
    run = RunDir.resume(path, None)
    warning, (_, header) = run.load_newest(lambda meta_step: TREE)
    assert "trying the previous one" in warning
    assert header.meta_step == 2
    run.close()


def test_what_a_killed_process_had_half_written_is_removed(tmp_path: Path, config) -> None:
    path = _begun(tmp_path / "run", config)
    for folder in (path, path / "checkpoints"):
        (folder / ".half.0123.tmp").touch()
    RunDir.resume(path, None).close()
    assert not [*path.glob(".*.tmp"), *(path / "checkpoints").glob(".*.tmp")]


def test_a_run_in_which_nothing_was_done_leaves_nothing(tmp_path: Path, config) -> None:
    run = RunDir.create(tmp_path / "run", config)
    run.save(0, TREE, 0.0, {})
    list(run.rewind_metrics(0))
    run.discard()
    assert not (tmp_path / "run").exists()


def test_a_failed_start_leaves_what_was_there_before(tmp_path: Path, config) -> None:
    path = tmp_path / "run"
    (path / "rules").mkdir(parents=True)
    for name in ("notes.txt", "rules/step-000000001.safetensors"):
        (path / name).write_text("mine")
    run = RunDir.create(path, config)
    run.save(0, TREE, 0.0, {})
    run.discard()
    assert sorted(p.name for p in path.rglob("*")) == [
        "notes.txt",
        "rules",
        "step-000000001.safetensors",
    ]


def test_a_claim_is_one_processs_alone(tmp_path: Path) -> None:
    claim = Claim(tmp_path / "a")
    with pytest.raises(RunError, match=rf"in use by a live process \(pid {os.getpid()}\)"):
        Claim(tmp_path / "a")
    claim.release()
    (tmp_path / "a" / ".pid").unlink()
    Claim(tmp_path / "a").release()
    (tmp_path / "file").touch()
    for name, reason in [("file", "a file"), ("file/a", "directory"), ("a\0b", "null")]:
        with pytest.raises(RunError, match=reason):
            Claim(tmp_path / name)


def test_a_claim_given_up_leaves_no_folder_that_it_made(tmp_path: Path) -> None:
    Claim(tmp_path / "a" / "b" / "c").give_up([])
    assert list(tmp_path.iterdir()) == []
    claim = Claim(tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "mine.txt").touch()
    claim.give_up([])
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "7",
        "null",
        "[" * 100_000,
        '{"rule": {"settings": ' + '{"a":' * 2000 + "1" + "}" * 2002,
        '{"seed": ' + "9" * 5000 + "}",
        '{"seed": ' + "9" * 4000 + "}",
        '{"sed": 3}',
        '{"engine": "\\ud800"}',
    ],
)
def test_settings_that_cannot_be_read_are_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunError, match=r"config\.json") as error:
        read_config(tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 900

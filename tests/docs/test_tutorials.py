"""Run the tutorial on writing and publishing a rule, including its commands.

`make docs` runs the code of every tutorial, but has no hub to publish to.
"""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.hub.stand_in import stand_in

from metaplastic.cli.app import main
from metaplastic.hub import load_card
from metaplastic.objectives import OBJECTIVES
from metaplastic.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "own_rule.md"
BLOCKS = re.compile(r"^```(\{code-cell\} ipython3|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a local hub, for tutorials that publish."""
    constants = pytest.importorskip("huggingface_hub.constants")
    with stand_in() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield


@pytest.fixture
def signals() -> Iterator[None]:
    """Restore the signal handlers that commands replace."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command of the page in this process, in which its imports were already run."""
    arguments = shlex.split(line.removeprefix("$ "))
    if "--import" in arguments:
        at = arguments.index("--import")
        del arguments[at : at + 2]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code, line


@pytest.mark.slow
def test_a_rule_is_made_meta_trained_and_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: None, hub: None
) -> None:
    pytest.importorskip("tensorboardX")
    monkeypatch.chdir(tmp_path)
    # whatever the tutorial registers is removed again
    for registry in (RULES, OBJECTIVES):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    text = PAGE.read_text(encoding="utf-8")
    module = ModuleType(PAGE.stem)
    monkeypatch.setitem(sys.modules, PAGE.stem, module)
    for block in BLOCKS.finditer(text):
        if block[1] == "console":
            for line in block[2].splitlines():
                run(line, monkeypatch)
            continue
        line = text[: block.start(2)].count("\n")
        # blank lines before it, so that a failure names the line of the page
        code = compile("\n" * line + block[2], str(PAGE), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    # the pulled file is the rule at the end of meta-training
    pulled = (tmp_path / "theirs.safetensors").read_bytes()
    assert pulled == (tmp_path / "runs/competitive/rule.safetensors").read_bytes()
    assert load_card(tmp_path / "theirs.safetensors").meta_steps == 10
    assert [*(tmp_path / "runs/competitive/events").iterdir()]

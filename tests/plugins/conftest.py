"""What a test imports and registers is taken away again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from metaplastic import plugins
from metaplastic.registry import Registry
from metaplastic.rules import RULES
from metaplastic.tasks import GENERATORS
from tests.cli.calls import call

from .scratch import ENTERED, MINE


class Ended(NamedTuple):
    """The status of a command and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports and registers is taken away again."""
    registries: list[Registry[Any]] = [RULES, GENERATORS]
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(plugins, "_imported", set())
    monkeypatch.setenv(plugins.VARIABLE, "")
    for registry in registries:
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        monkeypatch.setattr(registry, "_offered", None)
    modules = set(sys.modules)
    yield
    for name in {"my_rule", "scratch_rules", "broken"} & (set(sys.modules) - modules):
        del sys.modules[name]
    plugins.home_of.cache_clear()


@pytest.fixture
def my_rule(tmp_path: Path) -> Path:
    path = tmp_path / "my_rule.py"
    path.write_text(MINE + ENTERED)
    return path


@pytest.fixture
def forget() -> Callable[[], None]:
    """As in another process, in which nothing of the user's is imported."""

    def clear() -> None:
        for registry in (RULES, GENERATORS):
            for name in set(registry._entries) - set(registry.built_in):
                del registry[name]
        sys.modules.pop("my_rule", None)
        plugins._imported.clear()
        os.environ[plugins.VARIABLE] = ""

    return clear


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs `metaplastic` with the arguments in this process."""

    def run(*arguments: str | Path) -> Ended:
        status = call(monkeypatch, *map(str, arguments))
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return run

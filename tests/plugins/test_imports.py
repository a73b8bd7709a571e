"""Files and modules that a user names with --import or in the environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from metaplastic import plugins
from metaplastic.cli.app import commands
from metaplastic.errors import ConfigError, RuleFileError
from metaplastic.hub import container
from metaplastic.meta.config_tables import make_config
from metaplastic.rules import RULES

from .conftest import Ended


def test_every_command_imports() -> None:
    left, leaves = [commands()], 0
    while left:
        command = left.pop()
        inner = list(getattr(command, "commands", {}).values())
        left += inner
        leaves += not inner
        assert any("--import" in option.opts for option in command.params) or inner
    assert leaves > 10


def test_a_rule_of_a_file_is_known_by_its_name(my_rule: Path) -> None:
    with pytest.raises(ConfigError, match="To use one of your own, --import its file"):
        make_config("tiny", overrides=[{"rule": {"name": "mine"}}])
    plugins.request([str(my_rule)])
    plugins.request([str(my_rule)])  # twice is as good as once
    assert make_config("tiny", overrides=[{"rule": {"name": "mine"}}]).rule.name == "mine"
    assert list(RULES)[-1] == "mine"
    assert os.environ[plugins.VARIABLE] == str(my_rule)


def test_the_variable_imports_what_it_names(my_rule: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.VARIABLE, f"wave{os.pathsep}{my_rule}")
    assert "mine" in RULES


@pytest.mark.parametrize(
    ("given", "content", "message"),
    [
        ("none.py", None, r"--import .*none\.py: no such file"),
        ("no_such_module", None, "no module 'no_such_module'; give the path of a file"),
        ("my-rule.py", "", r"such as my_rule\.py"),
        ("json.py", "", "another module 'json' in .*; rename the file"),
        ("broken.py", "x = 1\n1 / 0\n", r"ZeroDivisionError: .* \(broken\.py, line 2\)"),
        ("broken.py", "def f(:\n", r"SyntaxError: .*broken\.py, line 1"),
        ("broken.py", "import sys\nsys.exit(3)\n", r"SystemExit: 3 \(broken\.py, line 2\)"),
        ("broken.py", "import no_such_one\n", "ModuleNotFoundError: .*no_such_one"),
        (
            "broken.py",
            "from metaplastic.rules import RULES, Rule\nclass A(Rule): name = 'local'\n"
            "RULES.register('local', A)\n",
            r"there is already a rule 'local' .*; give broken:A another name",
        ),
        (
            "broken.py",
            "from metaplastic.rules import RULES, Rule\nclass A(Rule): name = 'a'\n"
            "RULES.register('b', A)\n",
            "broken:A is registered as the rule 'b', but its `name` is 'a'",
        ),
        (
            "broken.py",
            "from metaplastic.rules import RULES\nRULES.register('b', dict)\n",
            "builtins:dict is not a rule",
        ),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    given: str,
    content: str | None,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Ended],
) -> None:
    if content is not None:
        (tmp_path / given).write_text(content)
    monkeypatch.chdir(tmp_path)
    ended = cli("info", "default", "--import", given)
    assert ended.status == 2
    (line,) = ended.err.splitlines()
    assert re.search(message, line)


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "more"), [("mesh", "local-processes=2"), ("ray", "workers=1")])
def test_a_rule_and_tasks_of_a_file_are_meta_trained(engine: str, more: str, my_rule: Path) -> None:
    """By every process: a worker of Ray reads a plan that holds the user's generator."""
    if engine == "ray" and not find_spec("ray"):
        pytest.skip("the extra `ray` is not installed")
    command = [
        *(sys.executable, "-m", "metaplastic", "meta-train", "--meta-steps=1"),
        *("--import", "my_rule.py", "--out", engine, "--tasks=own-shapes", f"--engine={engine}"),
        *("--set=rule.name=mine", "--set=groups=1", "--set=tasks.n_classes=3"),
        *("--set=tasks.architectures.sides=[8]", "--set=tasks.architectures.units=[12]"),
        *("--set=tasks.architectures.layers=[2,2]", "--set=unroll.horizon=[2,2]"),
        *("--set=validation.tasks=1", f"--{more}"),
    ]
    done = subprocess.run(
        command, cwd=my_rule.parent, capture_output=True, text=True, timeout=540, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    path = my_rule.parent / engine / "rule.safetensors"
    metadata = container.read(path, 10**8, RuleFileError).metadata
    assert json.loads(metadata["home"]) == {"module": "my_rule"}

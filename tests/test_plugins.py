"""What users add from outside: files and modules they import, entry points of packages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import pytest

from metaplastic import load_rule, plugins, save_rule
from metaplastic.cli.app import commands, main
from metaplastic.errors import ConfigError, RuleFileError
from metaplastic.hub import container, rule_page
from metaplastic.meta.config_tables import make_config
from metaplastic.meta.run.run_dir import write_config
from metaplastic.registry import Registry
from metaplastic.rules import RULES, make_rule
from metaplastic.tasks import GENERATORS

# a rule and a generator of tasks of a user's own, in a file
MINE = """
from metaplastic.rules import RULES
from metaplastic.rules.hebbian import Hebbian
from metaplastic.tasks import GENERATORS
from metaplastic.tasks.generators.shapes import Shapes

class Mine(Hebbian):
    name = "mine"

class Own(Shapes):
    address = "own-shapes"
"""
ENTERED = """
RULES.register("mine", Mine)
GENERATORS.register("own-shapes", Own)
"""


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

    def call() -> None:
        for registry in (RULES, GENERATORS):
            for name in set(registry._entries) - set(registry.built_in):
                del registry[name]
        sys.modules.pop("my_rule", None)
        plugins._imported.clear()
        os.environ[plugins.VARIABLE] = ""

    return call


def cli(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["metaplastic", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


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


def test_info_shows_a_run_whose_rule_is_not_imported(
    my_rule: Path,
    forget: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plugins.request([str(my_rule)])
    config = make_config("tiny", overrides=[{"rule": {"name": "mine"}}])
    write_config(my_rule.parent, config)
    forget()
    assert cli(monkeypatch, "info", str(my_rule.parent)) == 0
    shown = capsys.readouterr().out
    assert "warning: " in shown
    assert '"name": "mine"' in shown
    assert "meta-step 0 of an unknown number" in shown
    assert cli(monkeypatch, "info", str(my_rule.parent), "--import", str(my_rule)) == 0
    assert "warning" not in capsys.readouterr().out


def test_the_variable_imports_what_it_names(my_rule: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.VARIABLE, f"wave{os.pathsep}{my_rule}")
    assert "mine" in RULES


def test_a_rule_file_says_where_its_rule_is_from_and_imports_nothing(
    my_rule: Path,
    forget: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plugins.request([str(my_rule)])
    rule = make_rule("mine", jax.random.key(0))
    path = my_rule.parent / "a.safetensors"
    save_rule(rule, path)
    metadata = container.read(path, 10**8, RuleFileError).metadata
    assert json.loads(metadata["home"]) == {"module": "my_rule"}
    assert eqx.tree_equal(load_rule(path), rule)

    forget()
    monkeypatch.setattr(sys, "path", [str(my_rule.parent), *sys.path])  # it could be imported
    with pytest.raises(RuleFileError, match=r"'mine', of module 'my_rule': .* with --import"):
        load_rule(path)
    assert cli(monkeypatch, "info", str(path)) == 0
    page = capsys.readouterr().out
    for words in ("mine (not known here", "defined in | my_rule", "| meta-parameters | 2 |"):
        assert words in page
    assert "my_rule" not in sys.modules

    assert cli(monkeypatch, "info", str(path), "--import", str(my_rule)) == 0
    assert "not known" not in capsys.readouterr().out
    assert type(load_rule(path)).__module__ == "my_rule"


def test_rules_of_the_package_say_nothing(tmp_path: Path) -> None:
    save_rule(make_rule("hebbian", jax.random.key(0)), tmp_path / "a.safetensors")
    metadata = container.read(tmp_path / "a.safetensors", 10**8, RuleFileError).metadata
    assert "home" not in metadata


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
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        (tmp_path / given).write_text(content)
    monkeypatch.chdir(tmp_path)
    assert cli(monkeypatch, "info", "default", "--import", given) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)


def installed(folder: Path, entry_points: str) -> None:
    """A package as `pip install` leaves one."""
    about = folder / "scratch_rules-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scratch-rules\nVersion: 1.2\n")
    (about / "top_level.txt").write_text("scratch_rules\n")
    (about / "entry_points.txt").write_text(entry_points)
    (folder / "scratch_rules.py").write_text(MINE)
    sys.path.append(str(folder))


def test_a_packages_entry_points_are_found_and_imported_when_asked_for(tmp_path: Path) -> None:
    points = "[metaplastic.rules]\nmine = scratch_rules:Mine\n"
    installed(tmp_path, points + "[metaplastic.tasks]\nown-shapes = scratch_rules:Own\n")
    assert "mine" in RULES
    assert list(RULES) == [*RULES.built_in, "mine"]
    assert len(RULES) == len(RULES.built_in) + 1
    assert list(GENERATORS)[-1] == "own-shapes"
    assert "scratch_rules" not in sys.modules  # so far they are names
    rule = make_rule("mine", jax.random.key(0))
    assert type(rule).__module__ == "scratch_rules"
    save_rule(rule, tmp_path / "a.safetensors")
    assert eqx.tree_equal(load_rule(tmp_path / "a.safetensors"), rule)
    assert "defined in | scratch_rules scratch-rules 1.2 |" in rule_page(tmp_path / "a.safetensors")
    metadata = container.read(tmp_path / "a.safetensors", 10**8, RuleFileError).metadata
    wanted = {"module": "scratch_rules", "package": "scratch-rules", "version": "1.2"}
    assert json.loads(metadata["home"]) == wanted


def test_without_the_package_its_name_is_said(tmp_path: Path, forget: Callable[[], None]) -> None:
    installed(tmp_path, "[metaplastic.rules]\nmine = scratch_rules:Mine\n")
    save_rule(make_rule("mine", jax.random.key(0)), tmp_path / "a.safetensors")
    forget()
    sys.path.remove(str(tmp_path))
    RULES._offered = None
    with pytest.raises(
        RuleFileError,
        match=r"of module 'scratch_rules' in package 'scratch-rules 1.2': if you trust it, install",
    ):
        load_rule(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("gone = scratch_rules:Gone", "'gone' cannot be loaded from scratch_rules:Gone of package"),
        ("table = builtins:dict", "builtins:dict of package scratch-rules 1.2 is not a rule"),
        ("other = scratch_rules:Mine", "registered as the rule 'other', but its `name` is 'mine'"),
    ],
)
def test_an_entry_point_that_is_no_rule_is_refused(
    point: str, message: str, tmp_path: Path
) -> None:
    installed(tmp_path, f"[metaplastic.rules]\n{point}\n")
    with pytest.raises(ConfigError, match=message):
        RULES.get(point.partition(" ")[0])


def test_an_entry_point_of_a_name_that_is_taken_is_left_out(tmp_path: Path) -> None:
    installed(tmp_path, "[metaplastic.rules]\nlocal = scratch_rules:Mine\n")
    with pytest.warns(UserWarning, match="'local' of package scratch-rules 1.2 .* is ignored"):
        assert list(RULES) == list(RULES.built_in)
    assert RULES["local"].__module__.startswith("metaplastic.")


def test_a_rule_read_as_anothers_of_its_name_warns(my_rule: Path, tmp_path: Path) -> None:
    plugins.request([str(my_rule)])
    save_rule(make_rule("mine", jax.random.key(0)), tmp_path / "a.safetensors")
    contents = container.read(tmp_path / "a.safetensors", 10**8, RuleFileError)
    metadata = {**contents.metadata, "home": json.dumps({"module": "their_rule"})}
    container.write(tmp_path / "b.safetensors", contents.arrays, metadata, RuleFileError)
    with pytest.warns(UserWarning, match="in module 'their_rule', but is read as the rule"):
        load_rule(tmp_path / "b.safetensors")


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

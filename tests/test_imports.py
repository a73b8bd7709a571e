"""What is imported: no circle of modules, little for an encoder, nothing heavy for `--help`."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import metaplastic

ROOT = Path(metaplastic.__file__).parent
# a third of the 133 modules that an encoder once loaded
MOST_FOR_AN_ENCODER = 44
NEVER_FOR_AN_ENCODER = {
    "metaplastic.meta",
    "metaplastic.evaluation",
    "metaplastic.figures",
    "metaplastic.tasks",
    "metaplastic.objectives",
    "metaplastic.data",
    "metaplastic.export",
    "metaplastic.cli",
    "ray",
    "matplotlib",
    "optax",
    "PIL",
    "fontTools",
    "torch",
    "onnx",
}


def modules() -> dict[str, Path]:
    """Every module of the package, by its full name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


class Imports(ast.NodeVisitor):
    """Names imported anywhere in a module, in functions too, but for the type checker's."""

    def __init__(self, known: dict[str, Path]) -> None:
        self._known = known.keys()
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names} & self._known

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are written in full"
        for alias in node.names:
            inside = f"{node.module}.{alias.name}"
            if inside in self._known:
                self.found.add(inside)
            elif node.module in self._known:
                self.found.add(node.module)


def graph() -> dict[str, set[str]]:
    """Each module with those it imports."""
    known = modules()
    edges = {}
    for name, path in known.items():
        imports = Imports(known)
        imports.visit(ast.parse(path.read_text(encoding="utf-8")))
        edges[name] = imports.found - {name}
    return edges


def test_no_module_imports_itself_in_a_circle() -> None:
    edges = graph()
    assert len(edges) > 100
    assert "metaplastic.rules.rule" in edges["metaplastic.rules"]
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        pytest.fail("imports in a circle: " + " <- ".join(error.args[1]))


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    return set(done.stdout.split())


def test_an_encoder_loads_little() -> None:
    found = loaded_by("from metaplastic import PlasticEncoder")
    assert not found & NEVER_FOR_AN_ENCODER
    own = sorted(name for name in found if name.partition(".")[0] == "metaplastic")
    assert len(own) <= MOST_FOR_AN_ENCODER, own


@pytest.mark.parametrize(
    "module",
    [
        "metaplastic.cli.app",
        "metaplastic.evaluation.studies",
        "metaplastic.evaluation.baselines",
        "metaplastic.meta.engines",
        "metaplastic.meta.estimators",
        "metaplastic.objectives",
    ],
)
def test_names_cost_no_heavy_import(module: str) -> None:
    """A registry's room, and the whole command line, before any entry is asked for."""
    heavy = {"jax", "numpy", "equinox", "optax", "sklearn", "matplotlib", "ray"}
    assert not loaded_by(f"import {module}") & heavy


def test_a_configuration_is_checked_without_its_engines() -> None:
    found = loaded_by("from metaplastic.meta import make_config; make_config('paper')")
    engines = {name for name in found if name.startswith("metaplastic.meta.engines.")}
    assert engines == set()
    assert not found & {"ray", "matplotlib", "sklearn"}


def test_no_module_hides_a_name_of_its_package() -> None:
    """A module takes the place of what its package calls by the same name, once it is imported."""
    for init in sorted(Path(metaplastic.__file__).parent.rglob("__init__.py")):
        names = {
            node.name
            for node in ast.parse(init.read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        modules = {path.stem for path in init.parent.glob("*.py")}
        assert not names & modules, init


HEAVY = {"matplotlib", "fontTools", "ray", "torch", "umap", "onnx"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "info default",
        "data list",
        "data info digits",
        "settings",
        "evaluate hebbian --seeds=1 --inner-steps=1 --hidden=4 --features=4 --baselines=raw",
        "fit digits --quiet --max-iter=1 --hidden=4 --components=2 --out=m.safetensors",
    ],
)
def test_what_draws_is_loaded_only_where_something_is_drawn(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["metaplastic", *arguments.split()]
    statement = (
        f"sys.argv = {command}\nfrom metaplastic.cli.app import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    assert not loaded_by(statement) & HEAVY


def test_nothing_but_the_command_line_prints() -> None:
    for name, path in modules().items():
        if not name.startswith("metaplastic.cli"):
            calls = [
                node
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "typer.echo")
            ]
            assert not calls, name


def test_loggers_are_named_after_their_modules_and_silent_unless_asked() -> None:
    import logging

    handlers = logging.getLogger("metaplastic").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger":
                (given,) = map(ast.unparse, node.args)
                allowed = ("__name__", "'metaplastic'", "'PIL'", "'fontTools'")
                assert given in allowed, f"{name}: {given}"

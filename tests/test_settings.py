"""Settings: every field is described, in the shell and in the reference; errors in plain words."""

from __future__ import annotations

import contextlib
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

import metaplastic
from metaplastic.base_model import parse_model
from metaplastic.catalogue import find, groups
from metaplastic.cli.app import main
from metaplastic.errors import ConfigError
from metaplastic.evaluation.baselines import BASELINES, make_baseline
from metaplastic.evaluation.protocol import FewShotConfig, settings
from metaplastic.evaluation.studies import STUDIES
from metaplastic.meta.config import MetaTrainConfig, parse_config
from metaplastic.meta.config_tables import make_config, parse_override
from metaplastic.meta.estimators import ESTIMATORS
from metaplastic.meta.run.stages import make_stages
from metaplastic.objectives import OBJECTIVES, make_objective
from metaplastic.registry import Registry
from metaplastic.rules import RULES, make_rule
from metaplastic.setting_kinds import OneOf
from metaplastic.settings import validated

DOCS = Path(__file__).parents[1] / "docs"


def models() -> list[type[BaseModel]]:
    """Every public model of the package."""
    for module in pkgutil.walk_packages(metaplastic.__path__, "metaplastic."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ModuleNotFoundError):  # of an extra that is not installed
                import_module(module.name)
    left, found = [BaseModel], []
    while left:
        left += (below := left.pop().__subclasses__())
        found += below
    return [
        m
        for m in found
        if m.__module__.startswith("metaplastic.")
        and m.__name__[0] not in "_"
        # of what a file holds, not settings
        and not m.__module__.endswith((".file_format", "_files"))
    ]


def test_every_field_of_every_model_is_described() -> None:
    bare = [
        f"{model.__module__}.{model.__name__}.{name}"
        for model in models()
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert bare == []


def fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names of the fields of a model and of those in it, with their descriptions."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", field.description or ""


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """The tables of the reference's page of settings."""
    sys.path.insert(0, str(DOCS))
    try:
        yield import_module("settings_page").tables()
    finally:
        sys.path.remove(str(DOCS))


def test_the_reference_has_every_setting(page: str) -> None:
    wanted = {*fields(MetaTrainConfig), *fields(FewShotConfig)}
    named: tuple[tuple[Registry[Any], str], ...] = (
        (RULES, "rule.settings."),
        (OBJECTIVES, "objective.settings."),
        (ESTIMATORS, "estimator.settings."),
        (BASELINES, ""),
        (STUDIES, ""),
    )
    for registry, prefix in named:
        for entry in registry.values():
            wanted |= {(prefix + name, text) for name, text in fields(entry.Settings)}
    assert len(wanted) > 120
    rows = page.splitlines()
    for name, text in wanted:
        assert any(f"| `{name}` |" in row and text in row for row in rows), name
    learning_rate = next(row for row in rows if "`optimizer.learning_rate`" in row)
    assert learning_rate.split(" | ")[1:4] == ["number", "`0.003`", "above 0"]
    for registry, kind in ((RULES, "rule"), (BASELINES, "baseline"), (STUDIES, "study")):
        assert all(f"### {kind}.{name}" in rows for name in registry)


def test_the_pages_of_the_reference_hold_their_marks() -> None:
    for name in ("settings", "api"):
        assert f"<!-- {name} -->" in (DOCS / "reference" / f"{name}.md").read_text()


def test_the_reference_has_every_public_name() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        module = import_module("api_page")
        text, found = module.describe(), list(module.packages())
    finally:
        sys.path.remove(str(DOCS))
    assert len(found) > 10
    for package in found:
        for name in set(package.__all__) - {"__version__"}:
            assert f"{package.__name__}.{name}" in text, f"{package.__name__}.{name}"


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("optimzer.learning_rate=1", "optimzer: there is no such setting; known: seed, rule"),
        ("optimzer.learning_rate=1", "Did you mean 'optimizer'?"),
        ("optimizer.learnin_rate=1", "optimizer.learnin_rate: there is no such setting"),
        ("learning_rate=1", "Did you mean 'optimizer.learning_rate'?"),
        ("tasks.augmentation.shft=1", "Did you mean 'shift'?"),
        ("rule.settings.hiden=4", "rule.settings.hiden: there is no such"),
        ("rule.settings.hiden=4", "Did you mean 'hidden'?"),
        ("objective.settings.penalti=1", "Did you mean 'penalty'?"),
        ("estimator.settings.pairs=1", "estimator.settings.pairs: there is no such setting; there"),
        (
            "optimizer.learning_rate=abc",
            "optimizer.learning_rate: give a number above 0, for example 0.003 (given 'abc')",
        ),
        ("optimizer=3", "optimizer: give a table of settings, for example optimizer.meta_steps"),
        ("seed.x=1", "seed: give a whole number, at least 0 and below 4,294,967,296, for example"),
        ("unroll.horizon=5", "give two whole numbers, for example [50, 200] (given 5)"),
        ("unroll.horizon=[5]", "give two whole numbers, for example [50, 200] (given [5])"),
        ('unroll.horizon=[1, "a"]', "for example [50, 200] (given item 2: 'a')"),
        (
            "tasks.sources=glyphs",
            """give a list of strings, for example ["glyphs"] (given 'glyphs')""",
        ),
        ("tasks.n_classes=[2,3,4]", "give a whole number or two whole numbers, for example 10"),
        (
            'tasks.architectures.topologies=["convv"]',
            "(given item 1: 'convv'). Did you mean 'conv'",
        ),
        ("unroll.cotangent_limit=0", "give a number above 0, or null, for example 1.0 (given 0)"),
        ("unroll.rematerialise=maybe", "give true or false, for example true (given 'maybe')"),
        (
            "validation.horizons=[]",
            "give a list of numbers, 1 or more; each at least 0, for example [0.0, 1.0]",
        ),
        ("objective.settings.layers=frist", 'give one of "last", "all" or "inputs-and-all", for'),
        ("rule.settings=4", 'rule.settings: give a table, for example {"hidden": 32} (given 4)'),
        ("engine=locl", "Did you mean 'local'?"),
    ],
)
def test_errors_are_plain_and_have_an_example(override: str, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        make_config("tiny", None, [parse_override(override)])
    assert wanted in str(error.value)
    file = tmp_path / "run.json"  # the same in a file, and in a stage
    file.write_text(f'{{"stages": [{{}}, {as_json(parse_override(override))}]}}')
    with pytest.raises(ConfigError) as staged:
        make_stages(tmp_path, "tiny", file)
    assert str(staged.value) == f"stage 2: {error.value}"


def as_json(table: dict[str, Any]) -> str:
    import json

    return json.dumps(table)


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: make_rule("hebbian", jax.random.key(0), half_lfe=1), "Did you mean 'half_life'?"),
        (lambda: make_rule("hebbian", jax.random.key(0), half_life=0), "a number above 0, for"),
        (lambda: make_objective("ridge", penalty=-1), "a number above 0, for example 0.1"),
        (lambda: make_baseline("vae", bta=1), "bta: there is no such setting; known: beta"),
        (lambda: make_baseline("vae", beta="x"), "beta: give a number above 0, for example 1.0"),
        (lambda: make_baseline("raw", beta=1), "beta: there is no such setting; there are none"),
        (lambda: settings(STUDIES["labels"].Settings, sedes=3), "Did you mean 'seeds'?"),
        (lambda: settings(STUDIES["labels"].Settings, labels=("a",)), "(given item 1: 'a')"),
        (
            lambda: settings(FewShotConfig, dataset=""),
            'dataset: give a string, for example "digits"',
        ),
        (
            lambda: parse_model({"inputs": [4], "layers": [{"units": 2}, {"unit": 3}]}),
            "layers.item 2.units: is required: a whole number, at least 1, for example 1; "
            "layers.item 2.unit: there is no such setting; known: units, skip, pool. "
            "Did you mean 'units'?",
        ),
        (lambda: parse_model({"inputs": [4], "layers": [{"units": 0}]}), "layers.item 1.units: g"),
        (lambda: parse_model({"layers": []}), "inputs: is required: a list of whole numbers"),
    ],
)
def test_settings_given_in_python_have_the_same_errors(call: Any, wanted: str) -> None:
    with pytest.raises(ConfigError) as error:
        call()
    assert wanted in str(error.value)
    raw(str(error.value))


def raw(text: str) -> None:
    """No sign of the library that checks."""
    for sign in ("Input should", "validation error", "type=", "http", "pydantic", "Value error"):
        assert sign not in text


PATHS = [name for name, _ in fields(MetaTrainConfig)]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.sampled_from(PATHS), VALUES)
def test_no_value_of_any_setting_gives_raw_text(path: str, value: Any) -> None:
    table: Any = value
    for key in reversed(path.split(".")):
        table = {key: table}
    try:
        parse_config(table)
    except ConfigError as error:
        raw(str(error))


def test_one_of_a_registry_can_be_an_item() -> None:
    names: Registry[int] = Registry("fruit", {"apple": 1, "pear": 2})

    class Basket(BaseModel):
        model_config = ConfigDict(extra="forbid")
        fruits: tuple[Annotated[str, OneOf(names)], ...] = Field(("apple",), description="in it")
        registry: ClassVar[Any] = names

    assert validated(Basket, {"fruits": ["pear"]}).fruits == ("pear",)
    with pytest.raises(ConfigError, match=r"unknown fruit 'paer'; .* Did you mean 'pear'"):
        validated(Basket, {"fruits": ["paer"]})


def test_sections_and_settings_are_found_by_name() -> None:
    assert [s.name for s in find("tasks")] == ["tasks", "tasks.augmentation", "tasks.architectures"]
    assert {s.name for s in find("half_life")} == {"rule.local", "rule.hebbian"}
    assert {s.name for s in find("rule.settings.hidden")} == {"rule.local"}
    (section,) = find("optimizer.warmup")
    assert [s.name for s in section.settings] == ["warmup"]
    with pytest.raises(ConfigError, match=r"'optimzer'; .* Did you mean 'optimizer'\?"):
        find("optimzer")


def test_the_shell_describes_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def printed(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["metaplastic", "settings", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
        return capsys.readouterr().out

    listed = printed()
    for group in groups():
        assert all(f"\n  {section.name}: " in listed for section in group.sections)
    shown = printed("optimizer")
    assert (
        "  optimizer.learning_rate = 0.003\n      peak learning rate of Adam [a number above 0]"
        in shown
    )
    assert all(len(line) <= 80 for line in (listed + shown).splitlines())
    assert "It has no settings." in printed("baseline.raw")

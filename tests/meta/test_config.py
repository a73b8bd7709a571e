"""Configurations: presets, files, overrides, and errors that name the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaplastic.errors import ConfigError
from metaplastic.meta.config import differing_fields, parse_config
from metaplastic.meta.config_tables import make_config, parse_override
from metaplastic.meta.plan import draw_tasks, make_plan
from metaplastic.meta.presets import PRESETS
from metaplastic.meta.run.stages import make_stages
from metaplastic.rules import RULES, Hebbian, Rule
from metaplastic.rules.local.settings import LocalSettings


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset: str) -> None:
    make_config(preset)


def test_preset_seed_follows_the_paper_without_additions() -> None:
    """Equal weights of losses, fixed λ, images only, 2 to 5 layers of 64 to 512 units, no decay."""
    config = make_config("seed")
    rule = LocalSettings(**config.rule.settings)
    assert {sense.name for sense in rule.senses} == {
        "activity",
        "error",
        "preactivation",
        "lateral",
    }
    assert {term.name for term in rule.terms} == {"low_rank", "decorrelation"}
    assert (rule.backward, rule.decay_power, rule.resting_bias) == ("tied", 0.0, False)
    assert config.unroll.late_weight == 0
    assert config.unroll.cotangent_limit is None
    assert (config.estimator.name, config.objective.name) == ("truncated", "ridge")
    assert config.objective.make().settings.penalty == 0.1
    assert {source.partition("@")[0] for source in config.tasks.sources} == {
        "glyphs",
        "cifar10",
        "imagenet",
    }
    space = config.tasks.architectures
    assert (space.layers, min(space.units), max(space.units)) == ((2, 5), 64, 512)
    assert config.groups * config.tasks_per_group == 256
    assert (config.optimizer.average, config.optimizer.final_fraction) == (0.0, 1.0)


def test_later_settings_override_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("seed = 5\n[optimizer]\nmeta_steps = 7\nlearning_rate = 0.5\n")
    config = make_config("tiny", file, [parse_override("optimizer.learning_rate=0.25")])
    assert config.seed == 5
    assert config.optimizer.meta_steps == 7
    assert config.optimizer.learning_rate == 0.25
    assert config.groups == PRESETS["tiny"]["groups"]


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("optimizer.meta_steps=0", r"optimizer\.meta_steps.*given 0"),
        ("optimizer.metasteps=3", r"optimizer\.metasteps: there is no such setting"),
        ("unroll.horizon=[5,2]", r"horizon \(5, 2\): need 1 <= fewest <= most"),
        ("unroll.neighbours=6", r"batch_size 32 is not a multiple of 1 \+ neighbours = 7"),
        ("estimator=pse", "unknown estimator 'pse'"),
        ("rule.name=locla", "Did you mean 'local'"),
        ("objective=x", "unknown meta-objective"),
        ("objective.name=x", "unknown meta-objective"),
        (
            "objective.settings.penalti=1",
            r"objective\.settings\.penalti: there is no such",
        ),
        ("objective.settings.penalty=-1", r"penalty: give a number above 0"),
        ("objective.settings.layers=first", '"last", "all" or "inputs-and-all"'),
        ("tasks.n_classes=[5,3]", r"n_classes \(5, 3\): need 2 <= fewest"),
        ("tasks.labels_per_class=[1,50]", "at least 100"),
        ("tasks.architectures.vector_groups=2", "need both"),
        ('tasks.architectures.activations=["relo"]', "Did you mean 'relu'"),
        ("tasks.labels_per_class=40", "at least 80"),
        ("tasks.labelled_apart=5", "labelled_apart 5: .* at least 20"),
        ("unroll.cotangent_limit=0", r"unroll\.cotangent_limit.*given 0"),
        ("validation.horizons=[1,0]", r"horizons: give them in ascending order.*given \[1\.0, 0"),
        ("validation.horizons=[0,1,1]", "ascending order, each once"),
        ("validation.horizons=[-1,1]", r"horizons: give .*at least 0, .*item 1: -1"),
        ("validation.horizons=[0,NaN]", r"horizons: give .*item 2: nan"),
        ("rule.settings.decay_power=0.001", "decay_power: give 0, or at least 0.01"),
        ("optimizer.learning_rate=Infinity", "learning_rate: give a number above 0"),
        ("seed=-1", "seed"),
        ("nonsense", "write it as section.field=value"),
    ],
)
def test_errors_name_the_wrong_setting(override: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as error:
        make_config("tiny", None, [parse_override(override)])
    assert "\n" not in str(error.value)


def test_a_pool_holds_more_examples_than_one_and_its_neighbours() -> None:
    texts = ("unroll.neighbours=15", "tasks.n_classes=2", "tasks.labels_per_class=1")
    apart = [parse_override(text) for text in (*texts, "tasks.labelled_apart=2")]
    make_config("tiny", None, [*apart, parse_override("tasks.examples_per_class=8")])
    with pytest.raises(ConfigError, match=r"unroll\.neighbours 15: the smallest pool has 14 rows"):
        make_config("tiny", None, [*apart, parse_override("tasks.examples_per_class=7")])


@pytest.mark.parametrize(
    "given",
    [["rule=hebbian"], ["rule.name=hebbian"], ["rule.settings.half_life=9", "rule=hebbian"]],
)
def test_choosing_another_rule_drops_the_settings_of_the_previous_one(given: list[str]) -> None:
    overrides = [parse_override(text) for text in given]
    with pytest.warns(UserWarning, match=r"'local' are dropped \(hidden, error_channels"):
        config = make_config("tiny", None, overrides)
    assert config.rule.name == "hebbian"
    expected = {"half_life": 9} if len(given) > 1 else {}
    assert config.rule.settings == expected


def test_choosing_another_objective_in_a_stage_drops_settings(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        "[objective]\nname = 'tuned-ridge'\nsettings = { penalties = [1.0] }\n"
        "[[stages]]\n[[stages]]\nobjective = 'logistic'\n[[stages]]\nseed = 3\n"
    )
    with pytest.warns(UserWarning, match=r"'tuned-ridge' are dropped \(penalties\)"):
        stages = make_stages(tmp_path, "tiny", file)
    objectives = [(s.config.objective.name, s.config.objective.settings) for s in stages]
    assert objectives == [("tuned-ridge", {"penalties": [1.0]}), ("logistic", {}), ("logistic", {})]


def test_settings_of_the_same_rule_are_kept(recwarn: pytest.WarningsRecorder) -> None:
    config = make_config("tiny", None, [parse_override("rule=local")])
    again = make_config("tiny", None, [{"rule": {"name": "local", "settings": {"hidden": 4}}}])
    assert config.rule.settings == PRESETS["tiny"]["rule"]["settings"]
    assert again.rule.settings == {**config.rule.settings, "hidden": 4}
    assert not recwarn.list


def test_errors_name_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        make_config("tiny", tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("= 3")
    with pytest.raises(ConfigError, match=r"bad\.toml cannot be read as TOML"):
        make_config("tiny", tmp_path / "bad.toml")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ConfigError, match="table of settings"):
        make_config("tiny", tmp_path / "list.json")


def test_an_objective_with_default_settings_is_recorded_by_its_name() -> None:
    """Only the name is recorded, as before objectives had settings, until a setting differs."""
    named = [parse_override("objective=tuned-ridge")]
    assert make_config("tiny", None, named).model_dump(mode="json")["objective"] == "tuned-ridge"
    config = make_config(
        "tiny", None, [*named, parse_override("objective.settings.layers=inputs-and-all")]
    )
    record = config.model_dump(mode="json")
    assert record["objective"] == {
        "name": "tuned-ridge",
        "settings": {"layers": "inputs-and-all"},
    }
    assert parse_config(record) == config
    assert differing_fields(config, make_config("tiny", None, named)) != []
    same = [*named, parse_override("objective.settings.layers=last")]
    assert differing_fields(make_config("tiny", None, same), make_config("tiny", None, named)) == []


def test_a_default_of_the_rule_given_explicitly_is_no_difference() -> None:
    plain = make_config("quick")
    given = make_config("quick", None, [parse_override("rule.settings.hidden=16")])
    assert given == plain
    assert given.model_dump(mode="json")["rule"] == {"name": "local", "settings": {}, "start": None}
    # as recorded by earlier versions, with defaults in it
    old = {**plain.model_dump(mode="json"), "rule": {"name": "local", "settings": {"hidden": 16}}}
    assert parse_config(old) == plain
    wider = make_config("quick", None, [parse_override("rule.settings.hidden=32")])
    assert differing_fields(plain, wider) == ["rule.settings.hidden (None there, 32 here)"]


def test_a_rule_that_does_not_describe_its_settings_gets_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Plain(Hebbian):
        name = "plain"
        Settings = Rule.Settings

    monkeypatch.setitem(RULES, "plain", Plain)
    config = parse_config({"rule": {"name": "plain", "settings": {"half_life": 20.0}}})
    assert config.rule.settings == {"half_life": 20.0}
    assert parse_config(config.model_dump(mode="json")) == config


def test_ranges_are_drawn_by_group_and_by_seed() -> None:
    ranges = [parse_override(t) for t in ("tasks.n_classes=[2,30]", "groups=6")]
    drawn = draw_tasks(make_config("tiny", None, ranges))
    assert len({tasks.n_classes for tasks in drawn}) > 3
    assert drawn == draw_tasks(make_config("tiny", None, ranges))
    assert drawn != draw_tasks(make_config("tiny", None, [*ranges, parse_override("seed=1")]))


@pytest.mark.parametrize(
    ("sources", "architectures", "named"),
    [
        (["shapes"], {"columns": [16], "vector_groups": 1}, "no source fits group 1"),
        (["shapes", "topics"], {"columns": [16], "vector_groups": 1}, "shapes: fits none"),
    ],
)
def test_errors_name_sources_that_fit_no_group(
    sources: list, architectures: dict, named: str
) -> None:
    over = {"tasks": {"sources": sources, "architectures": architectures}}
    with pytest.raises(ConfigError, match=named):
        make_plan(make_config("tiny", None, [over]))

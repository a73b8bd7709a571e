"""Study `domains` on two small tables, end to end: numbers, standings, resumption, messages."""

import numpy as np
import pytest

from metaplastic.errors import ConfigError, DataError, MetaplasticError
from metaplastic.evaluation import search
from metaplastic.evaluation.baselines import LabelledBaseline
from metaplastic.evaluation.baselines.baseline import Encoder
from metaplastic.evaluation.baselines.random_forest import RandomForest
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.standings import standings
from metaplastic.evaluation.studies import Context, make_study
from metaplastic.evaluation.studies.domain_sets import SEARCHED_ON, known_sets
from metaplastic.figures import draw
from metaplastic.figures.domains import tables

BASELINES = ("raw", "pca", "random-forest")
CHOSEN = {
    "seeds": 2,
    "hidden": (8,),
    "n_features": 4,
    "inner_steps": 2,
    "batch_size": 16,
    "datasets": ("segment", "blobs", "ge_khan", "letter"),
    "baselines": BASELINES,
    "labels": (2, 10, 50),
}


class _Stumps(RandomForest):
    """A few trees, so that the tests are quick."""

    grid = ({"trees": 5},)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables: easy blobs, one with too few rows, and one for the search."""
    data = tmp_path_factory.mktemp("data")
    (data / "tables").mkdir()
    rng = np.random.default_rng(0)
    for name, n, classes in (("blobs", 240, 2), ("segment", 90, 3), ("ge_khan", 12, 4)):
        y = np.arange(n) % classes
        x = rng.standard_normal((n, 6)) + 2.0 * np.eye(6)[y]
        np.savez(data / "tables" / f"{name}.npz", X=x.astype(np.float32), y=y)
    return data


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """The study's context and results."""
    context = Context(named_rule("hebbian"), tmp_path_factory.mktemp("results"), data_dir=folder)
    with pytest.MonkeyPatch.context() as patch:
        for baseline in search.BASELINES.values():
            patch.setattr(baseline, "grid", baseline.grid[:1])
        patch.setitem(search.BASELINES, "random-forest", _Stumps)
        study = make_study("domains", context, **CHOSEN)
        return context, study.run()


@pytest.mark.slow
def test_every_method_has_a_number_for_every_seed_and_number_of_labels(run):
    _, content = run
    assert list(content["sets"]) == ["segment", "blobs"]
    assert content["sets"]["segment"]["role"] == "meta-train"
    assert content["sets"]["blobs"]["role"] == "user"
    assert content["sets"]["segment"]["labels"] == [2, 10]
    assert content["sets"]["blobs"]["labels"] == [2, 10, 50]
    for entry in content["sets"].values():
        assert set(entry["methods"]) == {"rule", "rule-all", *BASELINES}
        for name, method in entry["methods"].items():
            readouts = {"own"} if name == "random-forest" else {"ridge", "logistic"}
            assert set(method["accuracy"]) == readouts
            for table in method["accuracy"].values():
                assert np.shape(table) == (len(entry["labels"]), 2)
            assert method["seconds"] >= 0
    accuracy = content["sets"]["blobs"]["methods"]["raw"]["accuracy"]["logistic"]
    assert np.mean(accuracy[2]) > 0.85  # two blobs, 2.8 standard deviations apart


def test_left_out_sets_are_named_and_counted(run):
    _, content = run
    assert set(content["missing"]) == {"ge_khan", "letter"}
    notes = " | ".join(content["notes"])
    assert "ge_khan left out: ge_khan: 0 of 4 classes" in notes
    assert "letter left out: letter: tables/letter.npz not found in" in notes
    assert "2 of 4 data sets left out" in notes
    assert "without 50 labels per class" in content["sets"]["segment"]["data"]["notes"][0]


def test_standings_by_role_readout_and_labels(run):
    _, content = run
    seen = {(t["role"], t["readout"], t["labels"]) for t in content["standings"]}
    groups = ("ridge", "logistic", "classifiers")
    assert seen == {("meta-train", g, n) for g in groups for n in (2, 10)} | {
        ("user", g, n) for g in groups for n in (2, 10, 50)
    }
    table = next(t for t in content["standings"] if t["readout"] == "ridge" and t["labels"] == 10)
    ranks = [row["mean_rank"] for row in table["rows"]]
    assert sum(ranks) == pytest.approx(len(ranks) * (len(ranks) + 1) / 2)
    assert ranks == sorted(ranks)
    raw = next(row for row in table["rows"] if row["method"] == "raw")
    methods = content["sets"]["segment"]["methods"]
    gap = np.subtract(*(methods[n]["accuracy"]["ridge"][1] for n in ("rule-all", "raw")))
    assert raw["paired"]["segment"]["difference"] == pytest.approx(gap.mean())
    assert raw["wins"] + raw["ties"] + raw["losses"] == 1
    classifiers = next(t for t in content["standings"] if t["readout"] == "classifiers")
    assert {(row["method"], row["readout"]) for row in classifiers["rows"]} == {
        *((m, r) for m in ("rule-all", "raw") for r in ("ridge", "logistic")),
        ("random-forest", "own"),
    }


def test_a_resumed_study_computes_nothing_and_gives_the_same_results(run, folder, monkeypatch):
    context, content = run
    for baseline in search.BASELINES.values():
        monkeypatch.setattr(baseline, "grid", baseline.grid[:1])
    monkeypatch.setitem(search.BASELINES, "random-forest", _Stumps)

    def refuse(*_, **__):
        raise AssertionError("computed again")

    module = "metaplastic.evaluation.studies.domain_cells"
    for name in ("run_inner_loop", "classified", "as_unlabelled"):
        monkeypatch.setattr(f"{module}.{name}", refuse)
    study = make_study("domains", context, **CHOSEN)
    assert study.run() == content
    assert study.store.fresh == 0


def test_a_repeated_study_gives_identical_results(run, folder, tmp_path, monkeypatch):
    for baseline in search.BASELINES.values():
        monkeypatch.setattr(baseline, "grid", baseline.grid[:1])
    monkeypatch.setitem(search.BASELINES, "random-forest", _Stumps)
    context = Context(named_rule("hebbian"), tmp_path, data_dir=folder)
    chosen = CHOSEN | {"datasets": ("segment",)}
    again = make_study("domains", context, **chosen).run()["sets"]["segment"]["methods"]
    for name, method in run[1]["sets"]["segment"]["methods"].items():
        assert again[name]["accuracy"] == method["accuracy"], name


def test_the_figure_and_the_tables_need_the_file_alone(run):
    context, _ = run
    content = read_json(context.results / "domains.json")
    figure = draw(content)
    figure.canvas.draw()
    labels = [axes.get_xlabel() for axes in figure.get_axes()]
    assert any("minus the method" in label for label in labels)
    page = tables(content)
    assert page.count("<table>") == len(content["standings"])
    assert "random forest" in page


def test_losses_are_counted_as_losses():
    """Theirs above ours on one set by far, level on another: one loss, one tie."""
    better, worse = [0.90, 0.91, 0.92, 0.93], [0.50, 0.52, 0.51, 0.53]

    def entry(ours, theirs):
        accuracy = {"rule-all": ours, "raw": theirs}
        methods = {n: {"accuracy": {"ridge": [a]}} for n, a in accuracy.items()}
        return {"role": "report", "labels": [10], "methods": methods}

    methods = {n: {"title": n, "classifier": False} for n in ("rule-all", "raw")}
    sets = {"lost": entry(worse, better), "level": entry(better, better)}
    table = standings({"methods": methods, "sets": sets}, "rule-all")[0]
    raw = next(row for row in table["rows"] if row["method"] == "raw")
    assert (raw["wins"], raw["ties"], raw["losses"]) == (0, 1, 1)
    assert (raw["far_above"], raw["far_below"]) == (0, 1)
    assert [row["mean_rank"] for row in table["rows"]] == [1.25, 1.75]
    assert table["critical_difference"] is not None


def test_a_set_on_which_a_method_gave_no_number_is_not_ranked():
    methods = {n: {"title": n, "classifier": False} for n in ("rule-all", "raw")}
    sets = {
        name: {
            "role": "report",
            "labels": [10],
            "methods": {
                "rule-all": {"accuracy": {"ridge": [[0.5, 0.6]]}},
                "raw": {"accuracy": {"ridge": [value]}},
            },
        }
        for name, value in (("good", [0.4, 0.5]), ("failed", [None, None]))
    }
    table = standings({"methods": methods, "sets": sets}, "rule-all")[0]
    assert table["data_sets"] == ["good"]
    assert table["without_a_number"] == ["failed"]


class _Constant(LabelledBaseline):
    """A classifier built on the rule that always predicts the first class."""

    name = "constant"
    title = "always the first class"

    def fit_trial(self, data, rows, labels, n_classes, trial) -> Encoder:
        return lambda x: np.eye(n_classes)[np.zeros(len(x), int)]


def test_a_classifier_built_on_the_rule_takes_part(folder, tmp_path):
    context = Context(named_rule("hebbian"), tmp_path, data_dir=folder, classifiers=(_Constant(),))
    chosen = CHOSEN | {"datasets": ("segment",), "baselines": ("raw",), "readouts": ("ridge",)}
    content = make_study("domains", context, **chosen).run()
    table = next(t for t in content["standings"] if t["readout"] == "classifiers")
    assert table["reference"] == {"method": "constant", "readout": "own"}
    assert content["sets"]["segment"]["methods"]["constant"]["summary"]["own"][0][
        "mean"
    ] == pytest.approx(1 / 3, abs=0.03)


def test_the_cost_is_forecast_before_the_run(folder, tmp_path):
    context = Context(named_rule("hebbian"), tmp_path, data_dir=folder)
    forecasts = [
        make_study("domains", context, **CHOSEN | {"seeds": seeds}).forecast() for seeds in (1, 10)
    ]
    assert "data sets: 4, seeds: 10;" in forecasts[1]
    minutes = [int(text.partition("roughly ")[2].partition(" minutes")[0]) for text in forecasts]
    assert minutes[1] > minutes[0]


def test_mistakes_are_named(folder, tmp_path):
    context = Context(named_rule("hebbian"), tmp_path, data_dir=folder)
    with pytest.raises(ConfigError, match="logistic"):
        make_study("domains", context, **CHOSEN | {"readouts": ("logit",)}).run()
    with pytest.raises(ConfigError, match="rule-all"):
        make_study("domains", context, **CHOSEN | {"reference": "rule_all"}).run()
    with pytest.raises(DataError, match="none of the 1 data sets"):
        make_study("domains", context, **CHOSEN | {"datasets": ("letter",)}).run()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "lettr",
            "unknown data set 'lettr'; known: adult, .* Did you mean 'letter'.* tables/lettr",
        ),
        ("csv", "'csv' needs a colon"),
        ("cvs:rows", "unknown data set 'cvs'.* Did you mean 'csv'"),
        ("digits?colour=1", "no option 'colour'"),
    ],
)
def test_an_unknown_set_is_refused_before_anything_is_measured(folder, tmp_path, given, said):
    context = Context(named_rule("hebbian"), tmp_path, data_dir=folder)
    with pytest.raises(MetaplasticError, match=said):
        make_study("domains", context, **CHOSEN | {"datasets": ("segment", given)})


def test_no_choice_is_made_on_a_held_out_set():
    assert {known_sets()[name].role for name in SEARCHED_ON} == {"meta-train"}
    assert len(known_sets()) == 44
    assert sum(each.role == "report" for each in known_sets().values()) == 24

"""Every study, small, on data that need no files: numbers, resumption, a figure from the file."""

import json
import math
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.errors import ConfigError, DataError, RunError
from metaplastic.evaluation import search
from metaplastic.evaluation.named_rule import ladder_of, named_rule, run_of, stages_of, start_of
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.studies import STUDIES, Context, make_study
from metaplastic.evaluation.studies.filters import coded
from metaplastic.evaluation.studies.meta_training import read_loss
from metaplastic.evaluation.studies.representation import principal
from metaplastic.figures.filters import decoded
from metaplastic.figures.report import write_report
from metaplastic.hub import RuleCard, save_rule
from metaplastic.rules import make_rule

COMMON = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 4}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run directory as meta-training leaves one, with four rules and a record of the loss."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    (folder / "rules").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    extra = {"seconds": 1.0, "dropped": 0}
    lines = [{"meta_step": i, "loss": 1 / i, **extra} for i in range(1, 11)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text + '{"meta_step": 11, "lo')
    start = make_rule("hebbian", jax.random.key(0))
    for step in (1, 2, 5, 10):
        # another θ, the same settings: one program serves the whole ladder
        rule = eqx.tree_at(lambda r: r.subspace, start, jnp.asarray(step / 10))
        card = RuleCard(meta_steps=step, horizon=4, batch_size=16)
        save_rule(rule, folder / "rules" / f"step-{step:09d}.safetensors", card)
        save_rule(rule, folder / "rule.safetensors", card)
    return folder


@pytest.fixture(scope="module")
def results(run_folder, tmp_path_factory):
    """Results of the studies that are tested here, from one context."""
    folder = tmp_path_factory.mktemp("results")
    grids = {name: baseline.grid for name, baseline in search.BASELINES.items()}
    for baseline in search.BASELINES.values():
        baseline.grid = baseline.grid[:1]  # no search in a test of studies
    context = Context(named_rule(run_folder), folder)
    for name in ("datasets", "architectures", "filters", "labels"):
        make_study(name, context, **(COMMON | STUDIES[name].example)).run()
    for name, grid in grids.items():
        search.BASELINES[name].grid = grid
    return folder


@pytest.mark.slow
def test_paired_differences_are_seed_by_seed(results):
    content = read_json(results / "datasets.json")
    methods = content["datasets"]["digits"]["methods"]
    assert content["reference"] == "rule-all"
    difference = np.subtract(methods["rule-all"]["accuracy"], methods["raw"]["accuracy"])
    assert methods["raw"]["paired"]["mean"] == pytest.approx(difference.mean())
    expected = difference.std(ddof=1) / math.sqrt(2)
    assert methods["raw"]["paired"]["standard_error"] == pytest.approx(expected)


def test_a_second_run_computes_nothing(results, run_folder, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("computed again")

    module = "metaplastic.evaluation.studies.study"
    monkeypatch.setattr(f"{module}.rule_accuracies", refuse)
    before = (results / "architectures.json").read_text()
    context = Context(named_rule(run_folder), results)
    again = make_study("architectures", context, **(COMMON | STUDIES["architectures"].example))
    again.run()
    assert again.store.fresh == 0
    assert (results / "architectures.json").read_text() == before


def test_baselines_left_out_are_named(results, run_folder):
    context = Context(named_rule(run_folder), results)
    chosen = {**COMMON, **STUDIES["datasets"].example, "left_out": ("digits:pca", "mnist:raw")}
    study = make_study("datasets", context, **chosen)
    content = study.measure()
    result = set(content["datasets"]["digits"]["methods"])
    assert result == {"rule", "rule-all", "random", "raw"}
    assert "digits: pca not measured" in context.notes[0]
    assert study.store.fresh == 0


def test_the_former_name_of_the_baselines_is_read(results, run_folder):
    study = make_study("datasets", Context(named_rule(run_folder), results), rivals=("raw",))
    assert study.settings == make_study("datasets", study.context, baselines=("raw",)).settings


def test_baselines_numbers_do_not_depend_on_the_rule(results, run_folder, tmp_path, monkeypatch):
    """For a rule with another batch size and horizon, all baselines are found in the store."""
    (tmp_path / "cells").mkdir()
    cells = (results / "cells" / "labels.json").read_text()
    (tmp_path / "cells" / "labels.json").write_text(cells)
    rule = named_rule(run_folder)._replace(batch_size=8, horizon=3)
    for baseline in search.BASELINES.values():
        monkeypatch.setattr(baseline, "grid", baseline.grid[:1])
    chosen = {**COMMON, **STUDIES["labels"].example, "inner_steps": None}
    study = make_study("labels", Context(rule, tmp_path), **chosen)
    study.run()
    assert study.store.fresh == 4  # only the rule's, one per seed and reading
    assert study.store.reused == 4


def test_filters_stand_in_the_order_of_the_inputs(results):
    """Oja's rule makes fields that are combinations of inputs: pixels that never vary get none."""
    from metaplastic.evaluation.problem import load_problem

    row = read_json(results / "filters.json")["datasets"]["digits"]["rows"]
    assert [len(r["filters"]) for r in row] == [3, 3, 3]
    problem = load_problem("digits")
    dead = problem.train.std(axis=0) < 1e-3
    before, after = (np.abs([decoded(f) for f in row[i]["filters"]]) for i in (0, -1))
    share = [f[:, dead].mean() / f[:, ~dead].mean() for f in (before, after)]
    assert dead.any()
    assert share[1] < share[0]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
def test_filters_survive_their_coding(scale):
    field = np.random.default_rng(0).standard_normal(50) * scale
    result = decoded(json.loads(json.dumps(coded(field))))
    assert np.abs(result - field).max() <= np.abs(field).max() / 127
    assert (decoded(coded(np.zeros(3))) == 0).all()


def test_the_ladder_of_a_run(run_folder):
    assert run_of(run_folder / "rules" / "step-000000002.safetensors") == run_folder
    assert run_of("hebbian") is None
    assert [rule.meta_steps for rule in ladder_of(run_folder, 3)] == [1, 5, 10]
    assert [rule.meta_steps for rule in ladder_of(run_folder, 1)] == [10]
    assert [rule.meta_steps for rule in ladder_of(run_folder, 9)] == [1, 2, 5, 10]
    assert named_rule(run_folder).label == "small"
    assert len({rule.fingerprint for rule in ladder_of(run_folder)}) == 4


def test_a_record_cut_off_by_a_kill_still_reads(run_folder):
    left_out: list[str] = []
    loss = read_loss(run_folder, warn=left_out.append)
    assert len(left_out) == 1
    assert loss["meta_step"] == list(range(1, 11))
    assert loss["loss"][3] == pytest.approx(0.25)


def test_stages_before_a_run_count_along(run_folder, tmp_path):
    """Records of three stages, as the shipped rule's: their rules come first, meta-steps go on."""
    run = tmp_path / "staged"
    for stage in ("stage-1", "stage-2", "stage-10"):  # each ends at meta-step 10
        shutil.copytree(run_folder, run / stage)
    assert run_of(run) is None
    (run / "stages.json").write_text("{}")
    assert run_of(run) == run_of(run / "rule.safetensors") == run
    assert stages_of(run_folder) == [run_folder]
    assert stages_of(run) == [run / "stage-1", run / "stage-2", run / "stage-10"]
    steps = [rule.meta_steps for rule in ladder_of(run, 9)]
    assert steps == [10, 20, 21, 22, 25, 30]
    assert [rule.meta_steps for rule in ladder_of(run, 3)] == [10, 21, 30]
    (run / "stage-10" / "rules" / "step-000000010.safetensors").unlink()  # as if it was stopped
    assert [rule.meta_steps for rule in ladder_of(run, 9)] == [*steps[:-1], 30]
    assert read_loss(*stages_of(run)[:2], warn=print)["meta_step"] == list(range(1, 21))


def test_losses_of_different_objectives_are_separate(run_folder, tmp_path):
    for stage, objective in (("stage-1", "ridge"), ("stage-2", "tuned-ridge")):
        shutil.copytree(run_folder, tmp_path / stage)
        (tmp_path / stage / "config.json").write_text(json.dumps({"objective": objective}))
    loss = read_loss(tmp_path / "stage-1", tmp_path / "stage-2", warn=print)
    assert loss["objective"] == ["ridge"] * 10 + ["tuned-ridge"] * 10
    assert loss["meta_step"] == list(range(1, 21))


def test_a_run_begins_at_the_rule_that_it_drew(run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "run")
    config = {"seed": 3, "rule": {"name": "hebbian"}}
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    start = start_of(tmp_path / "run")
    assert start is not None
    assert start.meta_steps == 0
    assert eqx.tree_equal(start.rule, make_rule("hebbian", jax.random.key(3)))
    config["rule"]["start"] = "default"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert start_of(tmp_path / "run") is None


def test_a_card_counts_the_meta_steps_before_it(tmp_path):
    path = tmp_path / "rule.safetensors"
    card = RuleCard(meta_steps=5, earlier_meta_steps=25_000)
    save_rule(make_rule("hebbian", jax.random.key(0)), path, card)
    assert named_rule(path).meta_steps == 25_005
    assert named_rule(path).caution == ""


def test_principal_components_agree_with_scikit_learn():
    from sklearn.decomposition import PCA

    rows = np.random.default_rng(0).standard_normal((50, 6)) * np.arange(1, 7)
    points, explained = principal(rows)
    oracle = PCA().fit(rows)
    np.testing.assert_allclose(explained, np.cumsum(oracle.explained_variance_ratio_), atol=1e-4)
    np.testing.assert_allclose(np.abs(points), np.abs(oracle.transform(rows)[:, :2]), atol=1e-3)
    assert (principal(np.ones((5, 3)))[1] == 1).all()


def test_a_report_without_results_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="study"):
        write_report(tmp_path, tmp_path / "report.html")


def test_mistakes_are_named(tmp_path):
    context = Context(named_rule("hebbian"), tmp_path)
    with pytest.raises(ConfigError, match="datasets"):
        make_study("dataset", context)
    with pytest.raises(ConfigError, match="widths"):
        make_study("architectures", context, widths=("x",))
    with pytest.raises(ConfigError, match="kmeans"):
        make_study("datasets", context, baselines=("kmeens",)).run()
    with pytest.raises(RunError, match="run directory"):
        make_study("meta-training", context).run()


def test_each_cell_of_a_study_is_shown_as_a_part_of_all(tmp_path):
    """Of every study with a known number of cells; none is counted twice, and none beyond it."""
    reports = []

    def progress(label, done=0, total=None, unit="", *, job=False):
        if job:
            reports.append((label, done, total, unit))

    context = Context(named_rule("hebbian"), tmp_path, progress=progress)
    changes = COMMON | {"dataset": "digits", "labels": (2,), "baselines": ("raw", "random")}
    study = make_study("labels", context, **changes)
    study.run()
    assert reports == [("study labels", done, 4, "cells") for done in range(4)]
    reports.clear()
    make_study(
        "labels", Context(named_rule("hebbian"), tmp_path, progress=progress), **changes
    ).run()
    assert reports == []  # all cached

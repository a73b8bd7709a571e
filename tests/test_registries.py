"""What every entry of every registry passes. A new entry is picked up by being registered.

Data sets are loaded, one by one, in `data/test_registry_entries.py`.
"""

from __future__ import annotations

import functools
import inspect
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from metaplastic.base_model import Phi, initialise
from metaplastic.data import SOURCES
from metaplastic.data.source import Source as DataSource
from metaplastic.evaluation import search
from metaplastic.evaluation.baselines import (
    BASELINES,
    Baseline,
    LabelledBaseline,
    Unlabelled,
    make_baseline,
)
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.problem import Problem, load_problem
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.studies import STUDIES, Context, Study, make_study
from metaplastic.evaluation.trials import make_trials
from metaplastic.figures import draw, html_tables
from metaplastic.figures.report import write_report
from metaplastic.hub import RuleCard, load_card, load_rule, save_rule
from metaplastic.meta.engines import ENGINES, Engine
from metaplastic.meta.estimators import ESTIMATORS, Estimate, Estimator, FullBackprop
from metaplastic.meta.group import GroupState, Pool
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import OBJECTIVES, Ridge, make_objective
from metaplastic.registry import Registry
from metaplastic.rules import RULES, Rule, make_rule
from metaplastic.rules.lateral import GROUP
from metaplastic.rules.local.senses import SENSES
from metaplastic.rules.local.settings import BROUGHT
from metaplastic.rules.local.terms import TERMS
from metaplastic.tasks import (
    GENERATORS,
    Architecture,
    Source,
    TaskConfig,
    fitting,
    load_sources,
    sample_task,
)

REGISTRIES = (RULES, OBJECTIVES, ESTIMATORS, ENGINES, SOURCES, GENERATORS, BASELINES, STUDIES)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_name_is_its_entrys_own(registry: Registry[Any]) -> None:
    for name, entry in registry.items():
        own = getattr(entry, "address", getattr(entry, "name", name))
        assert own == name


# ---------------------------------------------------------------------------------------- rules

SIZES = (7, 2 * GROUP, 5, 4)  # of layers, one of them wider than a group of units
BATCH = 9
# settings to test a rule with beside its defaults: every part switched on, and few hidden units
SMALL = {"hidden": 6, "error_channels": 3, "readout_channels": 2}
OPTIONAL = [
    name
    for parts in (SENSES, TERMS)
    for name, part in parts.items()
    if part.optional and name not in BROUGHT
]
PARTS: dict[str, dict[str, dict[str, Any]]] = {
    "local": {
        "tied": SMALL,
        "every part": {
            **SMALL,
            "backward": "separate",
            "subspace": True,
            "resting_bias": True,
            "extra": OPTIONAL,
        },
    },
}
VARIANTS = [
    pytest.param(name, settings, id=name if part == "defaults" else f"{name}, {part}")
    for name in RULES
    for part, settings in PARTS.get(name, {"defaults": {}}).items()
]


def drawn_rule(name: str, settings: dict[str, Any]) -> Rule:
    """A rule whose every parameter is drawn at random, those that start at zero too."""
    rule = make_rule(name, jax.random.key(3), **settings)
    theta, static = eqx.partition(rule, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(theta)
    keys = jax.random.split(jax.random.key(4), len(leaves))
    drawn = [a + 0.3 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, drawn), static)


def reordered(phi: Phi, orders: list[NDArray[np.intp]]) -> Phi:
    """φ with the units of layer l in the order `orders[l]`."""

    def of(matrices: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        return tuple(w[orders[i]][:, orders[i + 1]] for i, w in enumerate(matrices))

    biases = tuple(b[orders[i + 1]] for i, b in enumerate(phi.biases))
    return phi.replaced(of(phi.weights), biases, of(phi.backward))


def orders_of(sizes: tuple[int, ...]) -> list[NDArray[np.intp]]:
    """A permutation of every layer; of a wide one, within its groups, and the groups change
    places: a rule may tell a group's units nothing of another's."""
    rng = np.random.default_rng(5)
    found = []
    for units in sizes:
        groups = np.arange(units).reshape(max(1, units // GROUP), -1)
        found.append(np.concatenate([rng.permutation(group) for group in groups[::-1]]))
    return found


@eqx.filter_jit
def stepped(rule: Rule, phi: Phi, x: jax.Array) -> tuple[Phi, Rule]:
    """For each task of a batch of φ and x: the next φ, and the gradient of a number made of it."""
    theta, static = eqx.partition(rule, eqx.is_inexact_array)

    def number(theta: Rule, phi: Phi, x: jax.Array) -> tuple[jax.Array, Phi]:
        own = eqx.combine(theta, static)
        after, _ = own.update(phi, own.init(phi), x, jnp.array(7))
        waves = [jnp.sum(jnp.sin(3 * a)) for a in jax.tree.leaves(after)]
        return sum(waves, start=jnp.zeros(())), after

    of_task = jax.vmap(jax.grad(number, has_aux=True), in_axes=(None, 0, 0))
    gradient, after = of_task(theta, phi, x)
    return after, gradient


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_a_rule_steps_over_tasks_is_differentiable_and_equivariant(
    name: str, settings: dict[str, Any]
) -> None:
    rule = drawn_rule(name, settings)
    phi = initialise(jax.random.key(0), SIZES, "tanh", backward=rule.needs_backward)
    x = jax.random.normal(jax.random.key(1), (BATCH, SIZES[0]))
    orders = orders_of(SIZES)
    both = jax.tree.map(lambda *a: jnp.stack(a), phi, reordered(phi, orders))
    after, gradient = stepped(rule, both, jnp.stack([x, x[::-1][:, orders[0]]]))

    first, second = (jax.tree.map(lambda a, i=i: a[i], after) for i in range(2))
    for before, now in zip(phi.weights, first.weights, strict=True):
        assert np.abs(now - before).max() > 1e-4  # something was learned
    assert all(np.isfinite(a).all() for a in jax.tree.leaves((after, gradient)))
    assert all(np.abs(a).max() > 0 for a in jax.tree.leaves(gradient))  # every part has a say
    # the units' order, and the examples', change nothing but the order
    for ours, theirs in zip(
        jax.tree.leaves(reordered(first, orders)), jax.tree.leaves(second), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_a_rule_comes_back_from_its_file_to_the_bit(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    rule = drawn_rule(name, settings)
    card = RuleCard(title="A rule", meta_steps=3, training_data=("glyphs",))
    save_rule(rule, tmp_path / "a.safetensors", card)
    loaded = load_rule(tmp_path / "a.safetensors")
    assert eqx.tree_equal(rule, loaded, typematch=True)
    assert loaded.settings == rule.settings
    assert load_card(tmp_path / "a.safetensors") == card
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


# ----------------------------------------------------------------------------------- objectives


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objectives_gradient_agrees_with_finite_differences(name: str) -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), 5)
    centres = rng.normal(size=(3, 4))
    u, v = (centres[classes] + rng.normal(size=(15, 4)) for _ in range(2))
    amounts = rng.normal(size=(2, 15, 2)) / 10
    y, z = (np.hstack([np.eye(3)[classes] - 1 / 3, a]) for a in amounts)
    du, dv = rng.normal(size=(2, 15, 4))
    with jax.enable_x64(True):
        objective = make_objective(name)

        @jax.jit
        def loss(u: Any, v: Any) -> jax.Array:
            return objective(u, jnp.asarray(y), v, jnp.asarray(z))

        value, (gu, gv) = jax.value_and_grad(loss, argnums=(0, 1))(u, v)
        ends = [float(loss(u + h * du, v + h * dv)) for h in (1e-6, -1e-6)]
    assert np.shape(value) == ()
    assert np.isfinite(value)
    analytic = float(np.sum(gu * du) + np.sum(gv * dv))
    assert analytic != 0
    assert analytic == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)


# ----------------------------------------------------------------------------------- estimators

STEPS, ESTIMATES = 3, 24


@functools.cache
def group() -> GroupState:
    """Two tasks at the start of their unrolls: clouds of points around three centres."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 3, 1, 6))
    inputs = centres + 0.5 * rng.normal(size=(2, 3, 8, 6))
    targets = np.broadcast_to((np.eye(3) - 1 / 3)[None, :, None], (2, 3, 8, 3))
    keys = jax.random.split(jax.random.key(0), 2)
    phi = jax.vmap(lambda key: initialise(key, (6, 5, 4), "tanh"))(keys)
    return GroupState(
        phi=phi,
        rule_state=jax.vmap(make_rule("hebbian", keys[0]).init)(phi),
        age=jnp.zeros((2,), jnp.int32),
        pool=Pool(jnp.asarray(inputs, jnp.float32), jnp.asarray(targets, jnp.float32)),
        keys=keys,
        horizon=jnp.full((2,), STEPS),
        serial=jnp.zeros((2,), jnp.int32),
    )


def estimate(kind: type[Estimator], key: jax.Array) -> Estimate:
    """The first estimate of an unroll that is done in one stretch."""
    config = UnrollConfig(batch_size=8, truncation=(STEPS, STEPS), horizon=(STEPS, STEPS))
    estimator = kind(config, 4, Ridge(), 1e9, settings=kind.Settings())
    rule = make_rule("hebbian", jax.random.key(1), half_life=10.0)
    return first_estimate(estimator, rule, group(), jax.random.split(key, 2))


@eqx.filter_jit
def first_estimate(
    estimator: Estimator, rule: Rule, group: GroupState, keys: jax.Array
) -> Estimate:
    state = estimator.init(rule, group, keys)
    return estimator.estimate(rule, group, state, keys, jnp.array(STEPS))


@functools.cache
def full_gradient() -> Estimate:
    return estimate(FullBackprop, jax.random.key(0))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_gives_the_full_gradient_in_expectation(name: str) -> None:
    """Over an unroll of one stretch, where none is biased: the mean over estimates is within four
    of its standard errors of backpropagation's gradient, which draws nothing."""
    found = [estimate(ESTIMATORS[name], key) for key in jax.random.split(jax.random.key(9), 2)]
    spread = np.std([flat(e.gradient) for e in found], axis=0)
    if np.any(spread > 0):
        keys = jax.random.split(jax.random.key(10), ESTIMATES)
        found += [estimate(ESTIMATORS[name], key) for key in keys]
    drawn = np.array([flat(e.gradient) for e in found])
    error = drawn.std(axis=0) / len(drawn) ** 0.5
    wanted = flat(full_gradient().gradient)
    assert np.all(np.abs(drawn.mean(axis=0) - wanted) <= 4 * error + 1e-3 * np.abs(wanted))
    for each in found:
        assert each.loss.shape == each.norm.shape == (2,)
        assert bool(each.finite.all())
        assert each.group.age.tolist() == [STEPS, STEPS]
    assert ESTIMATORS[name].lengths.fget is not None


def flat(tree: Any) -> NDArray[np.float64]:
    return np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in jax.tree.leaves(tree)])


# -------------------------------------------------------------------------------------- engines


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_one(name: str) -> None:
    """How each trains is tested in `cli/test_engines.py` and in `meta/`: most need processes."""
    engine = ENGINES[name]
    assert issubclass(engine, Engine)
    assert not inspect.isabstract(engine)
    assert isinstance(engine.synchronous, bool)


# ---------------------------------------------------------------------------- data sets and tasks


@pytest.mark.parametrize("name", SOURCES)
def test_a_data_set_says_where_it_comes_from(name: str) -> None:
    source = SOURCES[name]
    assert isinstance(source, DataSource)
    for field in ("title", "origin", "licence", "citation", "summary"):
        if field != "summary" or source.is_scheme:
            assert getattr(source.card, field)
    if source.is_scheme:
        assert source.example.startswith(f"{name}:")
        assert source.card.role == "user"
    for remote in source.files:
        algorithm, _, digest = remote.checksum.partition(":")
        assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]
        assert all(url.endswith(f"/{remote.name}") for url in remote.urls)


IMAGES = [Architecture(14, channels, (64,), 32) for channels in (1, 3)]
COLUMNS = Architecture(0, 0, (64,), 32, columns=48)


def architectures_for(source: Source) -> list[Architecture]:
    """Those among images and rows that the source can draw tasks for."""
    found = [a for a in (*IMAGES, COLUMNS) if fitting([source], a, 10)]
    assert found
    return found


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generators_tasks_have_the_shapes_they_say(name: str) -> None:
    (source,) = load_sources([name], "meta-train", n_classes=10)
    assert isinstance(source, Source)
    for architecture in architectures_for(source):
        task = sample_task([source], TaskConfig(), architecture, [1])
        assert task.inputs.shape == (10, 60, architecture.n_inputs)
        assert task.targets.shape == (10, 60, 14)
        assert np.isfinite(task.inputs).all()
        assert abs(task.inputs.mean()) < 2e-3
        amounts = task.targets.reshape(600, -1)[:, 10:]
        if architecture in IMAGES:
            assert task.inputs.std() == pytest.approx(1.0, abs=0.02)
            assert amounts.std(0) == pytest.approx(np.full(4, 0.1 / 2), rel=0.15)
        else:  # constant columns fill up rows that have fewer
            assert 0.05 < task.inputs.std() < 1.2


@pytest.mark.parametrize("name", GENERATORS)
def test_the_seed_decides_all_of_a_generators_task(name: str) -> None:
    sources = load_sources([name], "meta-train", n_classes=10)
    architecture = architectures_for(sources[0])[0]
    one, same, other = (
        sample_task(sources, TaskConfig(), architecture, seed) for seed in ([7, 1], [7, 1], [7, 2])
    )
    np.testing.assert_array_equal(one.inputs, same.inputs)
    assert not np.array_equal(one.inputs, other.inputs)


# ------------------------------------------------------------------------------------ baselines

ROWS, TRIALS = 250, make_trials((0, 1), 64)
FAST: dict[str, dict[str, Any]] = {
    "vae": {"steps": 5},
    "dae": {"steps": 5},
    "kmeans": {"restarts": 1},
    "kmeans-512": {},
    "rbm": {"epochs": 1},
    "supervised": {"checks": 1, "decays": (0.0,)},
    "hebbian": {"inner_steps": 5},
    "umap-own": {"features": 2},
    "spectral-own": {"features": 12},
    "self-training": {"rounds": 1},
    "random-forest": {"trees": 10},
    "kmeans-patches": {"side": 3, "patches": 500},
}


@functools.cache
def digits() -> Problem:
    return load_problem("digits")


def fast(name: str) -> Baseline:
    """One with settings of a second; the test is skipped where its package is not installed."""
    if not BASELINES[name].installed():
        pytest.skip(f"{name}: {BASELINES[name].requires} is not installed")
    return make_baseline(name, **FAST.get(name, {}))


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_gives_one_reproducible_encoder_a_trial(name: str) -> None:
    baseline = fast(name)
    x, labels = digits().train[:ROWS], digits().train_labels[:ROWS]
    data = Unlabelled(x.copy(), (16,), 8, "relu", shape=digits().shape)
    rows = np.stack([np.arange(60), np.arange(60, 120)])

    def fit() -> list[Any]:
        if isinstance(baseline, LabelledBaseline):
            return baseline.fit_labelled(data, x[rows], labels[rows], 10, TRIALS)
        return baseline.fit(data, TRIALS)

    encoders, again = fit(), fit()
    np.testing.assert_array_equal(data.inputs, x)  # what it was given is left as it was
    test = digits().test[:30]
    found = [np.asarray(encoder(test)) for encoder in encoders]
    assert len(found) == len(TRIALS)
    width = 10 if baseline.uses_labels else found[0].shape[1]
    for features, encoder in zip(found, again, strict=True):
        assert features.shape == (30, width)
        assert np.isfinite(features).all()
        np.testing.assert_allclose(encoder(test), features, rtol=1e-4, atol=1e-5)
    if baseline.row_by_row and not baseline.uses_labels:
        alone = encoders[0](test[3:4])
        np.testing.assert_allclose(alone, found[0][3:4], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_sees_labels_only_where_it_says_so(name: str) -> None:
    assert BASELINES[name].uses_labels == issubclass(BASELINES[name], LabelledBaseline)
    assert not any("label" in field.name or "target" in field.name for field in fields(Unlabelled))
    if not BASELINES[name].uses_labels:
        given = list(inspect.signature(BASELINES[name].fit).parameters)
        assert given == ["self", "data", "trials", "progress"]


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_allows_every_setting_of_its_grid(name: str) -> None:
    fast(name)
    for chosen in BASELINES[name].grid:
        make_baseline(name, **chosen)


# -------------------------------------------------------------------------------------- studies

PROTOCOL = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 4}


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory as meta-training leaves one, with three rules of one program."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    (folder / "rules").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    lines = [
        json.dumps({"meta_step": i, "loss": 1 / i, "seconds": 1.0, "dropped": 0})
        for i in range(1, 11)
    ]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    start = make_rule("hebbian", jax.random.key(0))
    for step in (1, 5, 10):
        rule = eqx.tree_at(lambda r: r.subspace, start, jnp.asarray(step / 10))
        card = RuleCard(meta_steps=step, horizon=4, batch_size=16)
        for name in (f"rules/step-{step:09d}.safetensors", "rule.safetensors"):
            save_rule(rule, folder / name, card)
    return folder


@pytest.fixture(scope="module")
def results(a_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every study's results by its own example, with no search over baselines' settings."""
    folder = tmp_path_factory.mktemp("results")
    context = Context(named_rule(a_run), folder)
    with pytest.MonkeyPatch.context() as patch:
        for baseline in search.BASELINES.values():
            patch.setattr(baseline, "grid", baseline.grid[:1])
        for name, study in STUDIES.items():
            make_study(name, context, **(PROTOCOL | study.example)).run()
    return folder


@pytest.mark.parametrize("name", STUDIES)
def test_a_studys_results_hold_settings_seeds_and_versions(name: str, results: Path) -> None:
    content = read_json(results / f"{name}.json")
    assert content["study"] == name
    assert content["title"] == STUDIES[name].title
    assert content["settings"]["seeds"] == len(content["seeds"])
    assert content["versions"]["jax"] == jax.__version__
    assert content["rule"]["meta_steps"] == 10
    assert "meta-steps only" in content["rule"]["caution"]


@pytest.mark.parametrize("name", STUDIES)
def test_a_studys_figure_needs_its_file_alone_and_names_its_axes(name: str, results: Path) -> None:
    content = read_json(results / f"{name}.json")
    figure = draw(content)
    figure.canvas.draw()
    assert isinstance(html_tables(content), str)
    for axes in figure.get_axes():
        if not axes.axison or len(axes.get_xticks()) == 0:
            continue  # a picture
        shared = any(other.get_xlabel() for other in axes.get_figure().get_axes())
        assert axes.get_xlabel() or shared, name
        assert axes.get_ylabel() or axes.get_yticklabels(), name


def test_the_report_holds_every_study_and_calls_nothing(results: Path) -> None:
    path, found = write_report(results, results / "deep" / "report.html")
    page = path.read_text()
    assert found == list(STUDIES)
    assert page.count("data:image/png;base64,") == len(STUDIES) + 1  # the summary's
    for outside in ("http://", "https://", 'src="/', "<script", "url("):
        assert outside not in page
    methods = read_json(results / "datasets.json")["datasets"]["digits"]["methods"]
    assert f"{methods['raw']['mean']:.3f} ±" in page


class Coin(Study):
    """A study in one file: its results hold `methods`, so that the plain figure draws them."""

    name = "coin"
    title = "Heads and tails"

    def measure(self) -> dict[str, Any]:
        sides = {"rule": 0.75, "tails": 0.25}
        methods = {n: {"title": n, "mean": m, "standard_error": 0.01} for n, m in sides.items()}
        return {"seeds": list(range(self.settings.seeds)), "methods": methods}


def test_a_study_is_one_file_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STUDIES, "coin", Coin)
    content = make_study("coin", Context(named_rule("hebbian"), tmp_path), seeds=2).run()
    axes = draw(content).get_axes()[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tails", "rule"]
    assert "0.750 ± 0.010" in html_tables(content)
    path, found = write_report(tmp_path, tmp_path / "report.html")
    assert found == ["coin"]
    assert "0.250 ± 0.010" in path.read_text()

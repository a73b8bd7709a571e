"""Parts of rule `local`: each can be left out, ablated and added by name."""

from __future__ import annotations

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic import hub
from metaplastic.base_model import Phi, fold, forward, initialise
from metaplastic.errors import ConfigError
from metaplastic.rules import RuleState, make_rule
from metaplastic.rules.lateral import standardise_units
from metaplastic.rules.local import Local
from metaplastic.rules.local.layout import AXES, labels
from metaplastic.rules.local.senses import SENSES, Sense, view_of
from metaplastic.rules.local.settings import NETWORK_PARTS, LocalSettings
from metaplastic.rules.local.step import step_sizes
from metaplastic.rules.local.terms import TERMS, Link, Term

SIZES = (5, 4, 3)
SETTINGS = {"hidden": 4, "error_channels": 2, "readout_channels": 2}
WHOLE = {**SETTINGS, "subspace": True, "resting_bias": True}
OPTIONAL = [
    name
    for registry in (SENSES, TERMS)
    for name, part in registry.items()
    if part.optional and name not in ("first", "subspace")
]
PARTS = [name for name in (*SENSES, *TERMS, *NETWORK_PARTS) if name != "activity"]


def _drawn(rule: Local, seed: int = 1) -> Local:
    """Perturb all of θ at random, including the arrays that start at zero."""
    keys = iter(jax.random.split(jax.random.key(seed), 100))
    return jax.tree.map(lambda a: a + 0.3 * jax.random.normal(next(keys), a.shape), rule)


@functools.cache
def _everything() -> Local:
    """Return a random rule with all parts."""
    rule = make_rule("local", jax.random.key(0), **WHOLE, extra=OPTIONAL)
    assert isinstance(rule, Local)
    return _drawn(rule)


@functools.cache
def _problem() -> tuple[Phi, jax.Array]:
    phi = initialise(jax.random.key(2), SIZES)
    phi = phi.replaced(biases=[0.3 * jnp.arange(1.0, n + 1) for n in SIZES[1:]])
    return phi, jax.random.normal(jax.random.key(3), (6, SIZES[0]))


@eqx.filter_jit  # without it, compiling each operation takes several times as long
def _updated(rule: Local, phi: Phi, x: jax.Array) -> Phi:
    return rule.update(phi, RuleState(), x, jnp.array(7))[0]


def _after(rule: Local) -> np.ndarray:
    new = _updated(rule, *_problem())
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(new)])


def _silenced(rule: Local, part: str) -> Local:
    """Return the rule with zeros in all rows and columns of θ that belong to a part."""
    changed = {}
    for name, axes in AXES.items():
        array = getattr(rule, name)
        for axis, axis_name in zip(range(array.ndim)[-len(axes) :], axes, strict=True):
            indices = [
                i
                for i, label in enumerate(labels(rule.config)[axis_name])
                if (axis_name != "readouts" and part in label)
                or (part == "statistics" and axis_name == "statistics" and label[0] != "context")
            ]
            array = array.at[(slice(None),) * axis + (np.array(indices, int),)].set(0.0)
        changed[name] = array
    if part == "pooling":
        changed["w_pooled"] = 0.0 * rule.w_pooled
        changed["w_layer"] = 0.0 * rule.w_layer
    return dataclasses.replace(rule, **changed)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_ablating_a_part_is_the_same_as_zeroing_its_theta(part: str) -> None:
    rule = _everything()
    without = rule.ablated(part)
    assert part in without.config.without or part in OPTIONAL
    off = _after(without)
    if part != "error":  # its readouts still drive the layers below
        np.testing.assert_allclose(off, _after(_silenced(rule, part)), atol=2e-6)
    assert np.abs(off - _after(rule)).max() > 1e-6
    # a rule created with these settings has the same shapes
    fresh = make_rule("local", jax.random.key(5), **without.settings)
    shapes = [leaf.shape for leaf in jax.tree.leaves(fresh)]
    assert shapes == [leaf.shape for leaf in jax.tree.leaves(without)]


@pytest.mark.slow
@pytest.mark.parametrize("part", OPTIONAL)
def test_an_added_part_changes_nothing_at_first_and_can_learn(part: str) -> None:
    rule = _everything().ablated(*OPTIONAL)
    fresh = make_rule("local", jax.random.key(6), **WHOLE, extra=[part])
    grown = rule.grow(fresh)
    np.testing.assert_allclose(_after(grown), _after(rule), atol=2e-6)
    assert grown.settings == fresh.settings
    assert np.abs(_after(_drawn(grown)) - _after(_drawn(grown).ablated(part))).max() > 1e-6


def test_settings_list_only_deviations_from_the_default_and_files_keep_parts(tmp_path) -> None:
    plain = make_rule("local", jax.random.key(0), **SETTINGS)
    assert not {"extra", "without", "learns"} & set(plain.settings)
    rule = _everything().ablated("lateral", "decay")
    hub.save_rule(rule, tmp_path / "rule.safetensors")
    loaded = hub.load_rule(tmp_path / "rule.safetensors")
    assert loaded.settings == rule.settings
    np.testing.assert_array_equal(_after(loaded), _after(rule))


def test_learning_in_the_first_layer_only() -> None:
    phi, x = _problem()
    rule = make_rule("local", jax.random.key(0), **SETTINGS, learns="first")
    after = _updated(rule, phi, x)
    np.testing.assert_array_equal(after.weights[1], phi.weights[1])
    whole = _updated(make_rule("local", jax.random.key(0), **SETTINGS), phi, x)
    np.testing.assert_allclose(after.weights[0], whole.weights[0], atol=1e-6)
    assert float(jnp.abs(whole.weights[1] - phi.weights[1]).max()) > 1e-4


def test_terms_of_the_released_variant_follow_their_equations() -> None:
    phi, x = _problem()
    layer = phi.layers[0]
    above = layer.linear(x)
    pre, post = (jax.random.normal(jax.random.key(i), (2, 6, n)) for i, n in ((8, 5), (9, 4)))
    link = Link(layer, x, pre, post, standardise_units(fold(above)), None)  # pyright: ignore
    w = np.asarray(layer.weight) * 5**0.5
    low_rank = sum(np.outer(pre[c, b], post[c, b]) for c in range(2) for b in range(6))
    low_rank = low_rank / (6 * 2**0.5) * 5**0.25
    x_hat, y_hat = (np.asarray(standardise_units(a), np.float64) for a in (x, above))
    expected = {
        "low_rank": low_rank,
        "hebbian": x_hat.T @ y_hat / 6 * 5**0.25,
        "growth": w,
        "gated_low_rank": low_rank * np.exp(-(w**2)),
        "scaled_low_rank": low_rank * w,
        "decay": -w * np.abs(w),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(TERMS[name]()(link), value, atol=1e-5, err_msg=name)


def test_neighbours_average_over_their_own_cluster() -> None:
    """With two distant clusters, the mean over an example's neighbours is its cluster's mean."""
    rng = np.random.default_rng(0)
    centres = np.repeat(np.array([[0.0] * 5, [9.0] * 5]), 4, axis=0)
    x = jnp.asarray(centres + 0.1 * rng.standard_normal((8, 5)), jnp.float32)
    phi = initialise(jax.random.key(2), SIZES)
    view = view_of(phi, forward(phi, x), 1, None, jnp.array(0))
    seen = np.asarray(SENSES["neighbours"]()(view))[0]
    for first in (0, 4):
        cluster = np.asarray(view.x)[first : first + 4]
        # an example's custom activity is left out
        assert np.abs(seen[first] - cluster[1:].mean(axis=0)).max() < 0.2
    assert np.abs(seen[0] - seen[4]).max() > 0.5


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"without": ["laterla"]}, "Did you mean 'lateral'"),
        ({"without": ["activity"]}, "must stay"),
        ({"without": ["subspace"]}, "cannot be given here"),
        ({"without": ["low_rank", "decorrelation", "decay"]}, "at least one term"),
        ({"without": ["error", "error"]}, "twice"),
        ({"extra": ["lateral"]}, "cannot be given here"),
        ({"extra": ["first"]}, "cannot be given here"),
        ({"learns": "last"}, "learns"),
    ],
)
def test_errors_name_invalid_parts(settings: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        make_rule("local", jax.random.key(0), **SETTINGS, **settings)


class Loudness(Sense):
    """The rms of an example's activity over the units of the layer."""

    name = "loudness"

    def channels(self, settings) -> int:
        return 1

    def __call__(self, view) -> jax.Array:
        size = jnp.sqrt(jnp.mean(view.x**2, axis=1, keepdims=True) + 1e-6)
        return jnp.broadcast_to(size, view.x.shape)[None]


class Slope(Sense):
    """The mean of a unit's pre-activation, which units of the input layer do not have."""

    name = "slope"
    per_example = False

    def channels(self, settings) -> int:
        return 1

    def __call__(self, view) -> jax.Array:
        return jnp.mean(view.z, axis=0)[None]


class Shrink(Term):
    """-w: weights shrink."""

    name = "shrink"

    def __call__(self, link) -> jax.Array:
        return -link.w


class Named(Loudness):
    """A sense with the name of a term."""

    name = "decay"


def test_a_sense_named_like_a_term_leaves_rules_alone_but_cannot_be_chosen() -> None:
    before = make_rule("local", jax.random.key(0), **SETTINGS)
    SENSES.register("decay", Named)
    try:
        after = make_rule("local", jax.random.key(0), **SETTINGS)
        assert eqx.tree_equal(before, after)
        for setting in ("extra", "without"):
            with pytest.raises(ConfigError, match="'decay' is the name of several parts"):
                make_rule("local", jax.random.key(0), **SETTINGS, **{setting: ["decay"]})
    finally:
        del SENSES["decay"]


@pytest.mark.parametrize("power", [1e-4, 0.0099, float("inf"), float("nan")])
def test_a_decay_that_overflows_is_refused(power: float) -> None:
    with pytest.raises(ConfigError, match=r"decay_power.*(at least 0|number)"):
        make_rule("local", jax.random.key(0), **SETTINGS, decay_power=power)


@pytest.mark.parametrize("power", [0.0, 0.01, 2.0])
def test_step_sizes_halve_at_the_half_life(power: float) -> None:
    settings = LocalSettings(decay_power=power)
    first, half, late = (
        step_sizes(settings, jnp.zeros(2), jnp.array(t)).weights for t in (0, 40, 100_000)
    )
    assert float(half / first) == pytest.approx(0.5 if power else 1.0, rel=1e-4)
    assert 0 < float(late) <= float(first)


@pytest.mark.slow
def test_user_defined_parts_are_on_only_if_requested() -> None:
    before = make_rule("local", jax.random.key(0), **SETTINGS)
    SENSES.register("loudness", Loudness())
    SENSES.register("slope", Slope)
    TERMS.register("shrink", Shrink)
    try:
        assert isinstance(before, Local)
        assert make_rule("local", jax.random.key(0), **SETTINGS).settings == before.settings
        parts = ["loudness", "slope", "shrink"]
        custom = make_rule("local", jax.random.key(0), **SETTINGS, extra=parts)
        assert isinstance(custom, Local)
        assert custom.w_features.shape[0] == before.w_features.shape[0] + 1
        custom = _drawn(custom)
        assert custom.w_statistics.shape[0] == before.w_statistics.shape[0] + 3
        for part in parts:
            assert np.abs(_after(custom) - _after(custom.ablated(part))).max() > 1e-6
    finally:
        del SENSES["loudness"], SENSES["slope"], TERMS["shrink"]
    with pytest.raises(ConfigError, match=r"unknown part of the rule 'shrink'.*--import"):
        make_rule("local", jax.random.key(0), **SETTINGS, extra=["shrink"])

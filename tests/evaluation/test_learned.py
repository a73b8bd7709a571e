"""Study `learned`: parts switched off one at a time, draws of θ, further rules, θ as numbers."""

from __future__ import annotations

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.errors import ConfigError, RuleFileError
from metaplastic.evaluation.ablations import drawn, parts_of, theta_as_numbers
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.studies import Context, make_study
from metaplastic.hub import RuleCard, load_rule, save_rule
from metaplastic.rules import make_rule
from metaplastic.rules.local import Local

SMALL = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 4, "datasets": ("digits",)}


@pytest.fixture(scope="module")
def shipped() -> Local:
    rule = load_rule("default")
    assert isinstance(rule, Local)
    return rule


@pytest.mark.slow
def test_every_part_of_the_shipped_rule_can_be_switched_off_alone(shipped: Local) -> None:
    senses = {sense.name for sense in shipped.config.senses} - {"activity"}
    terms = {term.name for term in shipped.config.terms}
    parts = parts_of(shipped)
    assert senses | terms | {"statistics", "pooling", "annealing", "upper-layers"} <= set(parts)
    for name in senses:
        left = {sense.name for sense in parts[name].without().config.senses}
        assert left == senses - {name} | {"activity"}
    for name in terms:
        rule = parts[name].without()
        assert {term.name for term in rule.config.terms} == terms - {name}
        assert rule.term_weights.shape == (3, len(terms) - 1)
    for name, part in parts.items():
        rule = part.without()
        assert not eqx.tree_equal(rule, shipped), name
        assert part.title


def test_what_is_switched_off_by_value_leaves_the_rest_of_theta(shipped: Local) -> None:
    parts = parts_of(shipped)
    constant = parts["annealing"].without()
    assert constant.config == shipped.config.model_copy(update={"decay_power": 0.0})
    assert eqx.tree_equal(
        jax.tree.leaves(eqx.filter(constant, eqx.is_array)),
        jax.tree.leaves(eqx.filter(shipped, eqx.is_array)),
    )
    plain = parts["step-factor"].without()
    assert theta_as_numbers(plain)["step_factor"]["weights"] == 1.0
    assert plain.config == shipped.config
    alone = parts["all-but-subspace"].without()
    assert [term.name for term in alone.config.terms] == ["subspace"]


def test_theta_of_the_shipped_rule_correlates_and_steps_near_its_bound(shipped: Local) -> None:
    """What the documentation says of it."""
    result = theta_as_numbers(shipped)
    assert all(row["decorrelation"] < 0 for row in result["term_weights"].values())
    assert result["step_factor"]["weights"] == pytest.approx(2.57, abs=0.005)
    assert result["step_factor"]["most"] == pytest.approx(2.72, abs=0.005)
    np.testing.assert_allclose(
        list(result["term_weights"]["top"].values()), shipped.term_weights[2], rtol=1e-6
    )
    fresh = theta_as_numbers(drawn(shipped, jax.random.key(0)))
    assert fresh["term_weights"]["first"]["decorrelation"] == pytest.approx(0.03)
    assert fresh["step_factor"]["weights"] == 1.0


def test_rules_of_one_name_are_meta_seeds_of_one_another(tmp_path: Path) -> None:
    start = make_rule("hebbian", jax.random.key(0))
    for number, share in enumerate((0.2, 1.0)):
        rule = eqx.tree_at(lambda r: r.subspace, start, jnp.asarray(share))
        save_rule(rule, tmp_path / f"{number}.safetensors", RuleCard(meta_steps=3))
    rules = (
        *(f"short={tmp_path}/{n}.safetensors" for n in (0, 1)),
        f"one={tmp_path}/0.safetensors",
    )
    study = make_study("learned", Context(named_rule("hebbian"), tmp_path), **SMALL, rules=rules)
    content = study.run()
    methods = content["datasets"]["digits"]["methods"]
    assert list(methods) == ["random", "meta-step-0", "rule", "given-short", "given-one"]
    short, one = methods["given-short"], methods["given-one"]
    first, second = short["members"]
    assert first["accuracy"] == one["accuracy"]
    np.testing.assert_allclose(
        short["accuracy"], np.mean([first["accuracy"], second["accuracy"]], axis=0)
    )
    expected = np.std([first["mean"], second["mean"]], ddof=1)
    assert short["between_rules"]["standard_deviation"] == pytest.approx(expected)
    assert "between_rules" not in one
    difference = np.subtract(methods["rule"]["accuracy"], methods["random"]["accuracy"])
    assert methods["random"]["paired"]["mean"] == pytest.approx(difference.mean())
    assert methods["random"]["kind"] == "meta-training"
    assert "hebbian" in content["notes"][0]
    again = make_study("learned", Context(named_rule("hebbian"), tmp_path), **SMALL, rules=rules)
    again.run()
    assert again.store.fresh == 0


@pytest.mark.parametrize(
    ("chosen", "error", "named"),
    [
        ({"parts": ("latral",)}, ConfigError, "Did you mean 'lateral'"),
        ({"rules": ("runs/a",)}, ConfigError, "'runs/a' is not NAME=PATH"),
        ({"rules": ("a=runs/none.safetensors",)}, RuleFileError, "runs/none"),
    ],
)
def test_mistakes_are_named_before_anything_is_measured(
    chosen: dict, error: type[Exception], named: str, tmp_path: Path
) -> None:
    study = make_study("learned", Context(named_rule("default"), tmp_path), **(SMALL | chosen))
    with pytest.raises(error, match=named) as result:
        study.run()
    assert "\n" not in str(result.value)
    assert study.store.fresh == 0

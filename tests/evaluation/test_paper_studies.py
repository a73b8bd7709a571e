"""Studies of the papers' figures: which rules are drawn, what is left out, what numbers mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import perceptron
from metaplastic.data import SOURCES
from metaplastic.errors import ConfigError
from metaplastic.evaluation.inner_loop import memory_of
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.studies import STUDIES, Context, make_study
from metaplastic.evaluation.studies.amounts import Amounts
from metaplastic.evaluation.studies.text import Text
from metaplastic.evaluation.trained_on import kind_of, trained_on_images_only
from metaplastic.figures import draw
from metaplastic.hub import RuleCard, save_rule
from metaplastic.rules import make_rule
from metaplastic.tasks import GENERATORS

SMALL: dict[str, Any] = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 4}
ON_DIGITS = {**SMALL, "dataset": "digits", "baselines": ("random", "raw")}


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five rungs of a run that met texts after its third."""
    folder = tmp_path_factory.mktemp("runs") / "mixed"
    (folder / "rules").mkdir(parents=True)
    config = {"seed": 3, "rule": {"name": "hebbian"}}
    (folder / "config.json").write_text(json.dumps(config))
    start = make_rule("hebbian", jax.random.key(0))
    for step in (1, 2, 3, 4, 5):
        rule = eqx.tree_at(lambda r: r.subspace, start, jnp.asarray(step / 5))
        data = ("glyphs", "shapes") if step <= 3 else ("glyphs", "shapes", "topics")
        card = RuleCard(meta_steps=step, horizon=4, batch_size=16, training_data=data)
        for name in (f"rules/step-{step:09d}.safetensors", "rule.safetensors"):
            save_rule(rule, folder / name, card)
    return folder


def text_of(run: Path, results: Path, **settings: Any) -> Text:
    study = make_study("text", Context(named_rule(run), results), **(ON_DIGITS | settings))
    assert isinstance(study, Text)
    return study


@pytest.mark.parametrize("name", [*GENERATORS, *SOURCES])
def test_every_source_of_tasks_has_a_kind(name: str) -> None:
    assert kind_of(name) in ("image", "vector", "text")
    assert (kind_of(name) == "image") == (
        name in ("glyphs", "omniglot", "imagenet", "cifar10", "mnist", "fashion_mnist", "digits",
                 "shapes", "folder", "hf")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "alone"),
    [
        (("glyphs", "imagenet@32"), True),
        (("glyphs", "reviews"), False),
        (("glyphs", "a-source-of-another-package"), False),
        ((), False),
    ],
)
def test_what_a_card_names_tells_whether_a_rule_trained_on_images_only(
    data: tuple[str, ...], alone: bool
) -> None:
    assert trained_on_images_only(named_rule("hebbian")._replace(training_data=data)) == alone


def test_text_is_drawn_from_meta_step_0_with_the_last_rule_of_images(
    a_run: Path, tmp_path: Path
) -> None:
    steps = [rule.meta_steps for rule in text_of(a_run, tmp_path, rungs=2).rules]
    assert steps == [0, 1, 3, 5]
    assert [r.meta_steps for r in text_of(a_run, tmp_path, rungs=9).rules] == [0, 1, 2, 3, 4, 5]
    chosen = text_of(a_run, tmp_path, rungs=2, images_only=True)
    assert [rule.meta_steps for rule in chosen.rules] == [0, 1, 3]


def test_gains_are_on_the_random_network_seed_by_seed(a_run: Path, tmp_path: Path) -> None:
    content = text_of(a_run, tmp_path, rungs=2).run()
    assert [curve["images_alone"] for curve in content["curves"]] == [False, True, True, False]
    for curve in content["curves"]:
        accuracies = np.array(curve["curve"])
        expected = (accuracies - accuracies[:, :1]).mean(axis=0)
        assert [gain["mean"] for gain in curve["gain"]] == pytest.approx(expected)
    assert "topics" in content["notes"][0]
    assert "meta-step 3" in content["notes"][0]
    axes = draw(content).get_axes()[0]
    styles = [next(iter(container)).get_linestyle() for container in axes.containers]
    legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert legend == [
        "0 meta-steps",
        "1 meta-step, images only",
        "3 meta-steps, images only",
        "5 meta-steps, not only images",
    ]
    assert styles == ["-", "-", "-", "--"]


def test_a_run_without_a_rule_of_images_alone_is_refused(tmp_path: Path) -> None:
    context = Context(named_rule("hebbian"), tmp_path)
    with pytest.raises(ConfigError, match=r"hebbian.*images only.*--preset seed"):
        make_study("text", context, images_only=True, **ON_DIGITS).run()


@pytest.mark.parametrize(
    ("units", "layers", "gib"),
    # what the compiler counts for the shipped rule's inner loop of one seed, minibatches of 256
    [(256, 2, 0.031), (256, 11, 0.063), (1024, 11, 0.41), (4096, 11, 4.28), (10_000, 2, 1.14),
     (10_000, 5, 9.76), (10_000, 11, 23.6)],
)  # fmt: skip
def test_memory_is_foreseen_within_a_third(units: int, layers: int, gib: float) -> None:
    model = perceptron((196, *(units,) * (layers - 1), 32))
    assert memory_of(model, 256) / 2**30 == pytest.approx(gib, rel=0.34)


def test_networks_too_large_for_memory_are_left_out_and_named(tmp_path: Path) -> None:
    chosen = SMALL | STUDIES["architectures"].example
    chosen |= {"depths": (), "widths": (), "activations": ("relu",)}
    context = Context(named_rule("hebbian"), tmp_path)
    study = make_study(
        "architectures",
        context,
        **(chosen | {"grid_depths": (2,), "grid_widths": (8, 5000), "memory_gib": 0.1}),
    )
    content = study.run()
    assert [(curve["value"], curve["width"]) for curve in content["grid"]] == [(2, 8)]
    assert len(content["grid"][0]["curve"]) == 3  # seeds of the grid
    assert "2 layers of 5,000 units" in content["notes"][0]
    assert content["raw"]["mean"] > 0.5


def test_amounts_beyond_what_there_is_are_all_of_it(tmp_path: Path) -> None:
    study = make_study(
        "amounts",
        Context(named_rule("hebbian"), tmp_path),
        dataset="digits",
        amounts=(5000, 100, 9000, 100),
        batch_sizes=(16, 8),
    )
    assert isinstance(study, Amounts)
    swept = study.swept()
    assert swept["unlabelled"] == [100, 1437]
    assert swept["batch_size"] == [8, 16]

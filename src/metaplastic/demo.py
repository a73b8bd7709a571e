"""The computation behind `metaplastic demo`: a rule applied to real handwritten digits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import RuleFileError
from metaplastic.evaluation import FewShotConfig, evaluate
from metaplastic.evaluation.few_shot import describe_problem
from metaplastic.evaluation.inner_loop import run_inner_loop
from metaplastic.evaluation.named_rule import (
    DEFAULT_BATCH_SIZE,
    NamedRule,
    inner_steps_of,
    named_rule,
)
from metaplastic.evaluation.problem import Problem, load_problem
from metaplastic.evaluation.trials import make_trials
from metaplastic.progress import Progress, silent

BASELINES = ("random", "raw", "pca", "kmeans")
DATASET = "digits@14"
FILTERS = 24


def shipped_rule() -> NamedRule | None:
    """Return the rule shipped as `default`, or None if none is."""
    try:
        return named_rule("default")
    except RuleFileError:
        return None


def run_demo(
    rule: NamedRule,
    *,
    seeds: int = 10,
    inner_steps: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Return the few-shot accuracy of the rule and of baselines on scikit-learn's digits and, for
    one seed, receptive fields and an embedding before and after learning. JSON-able.

    inner_steps: by default those that the rule was meta-trained for.
    """
    config = FewShotConfig.model_validate(
        {
            "dataset": DATASET,
            "seeds": seeds,
            "inner_steps": inner_steps or inner_steps_of(rule),
            "batch_size": rule.batch_size or DEFAULT_BATCH_SIZE,
        }
    )
    problem = load_problem(DATASET)
    evaluation = evaluate(rule, config, baselines=BASELINES, problem=problem, progress=progress)
    content = evaluation.to_json()
    content["dataset"] = describe_problem(problem)
    progress("drawing the features")
    content["pictures"] = _pictures(rule, config, problem)
    return content


def _pictures(rule: NamedRule, config: FewShotConfig, problem: Problem) -> dict[str, Any]:
    trial = make_trials([config.first_seed], problem.train.shape[1])
    pictures: dict[str, Any] = {
        "labels": problem.test_labels.tolist(),
        "shape": list(problem.shape),
        "moments": [],
    }
    loop = run_inner_loop(
        rule.rule,
        problem.train,
        trial,
        (0, config.inner_steps),
        hidden=config.hidden,
        n_features=config.n_features,
        batch_size=config.batch_size,
    )
    for step, (network,), _ in loop:
        fields = np.asarray(network.phi.weights[0])
        in_order = np.empty_like(fields)
        in_order[np.asarray(network.permutation)] = fields
        pictures["moments"].append(
            {
                "inner_steps": step,
                "filters": in_order.T[:FILTERS].tolist(),
                "embedding": _embed(network(problem.test)).tolist(),
            }
        )
    return pictures


def _embed(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a two-dimensional t-SNE embedding of features (n, F)."""
    from sklearn.manifold import TSNE

    scaled = (features - features.mean(0)) / (features.std() + 1e-6)
    return TSNE(random_state=0, init="pca", perplexity=25).fit_transform(scaled).astype(float)

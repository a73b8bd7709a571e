"""Ablations of rule `local`: each part switched off in a given rule, and θ read as numbers.

A part is a sense, a term of the weight change, a part of the update network, or a choice about the
step. Switching a part off leaves the rest of θ unchanged: it shows what the rule relies on, not
what a rule meta-trained without the part could do.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from metaplastic.rules import Rule
from metaplastic.rules.local import Local
from metaplastic.rules.local.settings import NETWORK_PARTS
from metaplastic.rules.local.step import RATE_RANGE

LAYERS = ("first", "middle", "top")  # in the order of θ's rows by position

TITLES = {
    "error": "error signal from above",
    "lateral": "lateral competition",
    "preactivation": "pre-activations",
    "neighbours": "nearest examples",
    "weights": "statistics of the weights",
    "bias": "the unit's bias, as an input",
    "position": "position in the network",
    "age": "age",
    "first": "flag of the first layer",
    "statistics": "statistics over the minibatch",
    "pooling": "means of hidden units",
    "low_rank": "learned low-rank term",
    "decorrelation": "decorrelation term",
    "decay": "decay term",
    "subspace": "subspace term",
    "network": "hidden layers of the update network",
    "resting-bias": "resting biases",
    "step-factor": "learned factor of the step",
    "annealing": "annealed step",
    "upper-layers": "learning above the first layer",
    "all-but-low-rank": "all terms but the low-rank one",
    "all-but-subspace": "all terms but the subspace one",
}


class Part(NamedTuple):
    """A part of a rule: `without()` returns the rule with the part switched off."""

    title: str
    without: Callable[[], Local]


def parts_of(rule: Rule) -> dict[str, Part]:
    """Return the parts of a rule by name; none if the rule is not of kind `local`."""
    if not isinstance(rule, Local):
        return {}
    local, settings = rule, rule.config
    senses = [sense.name for sense in settings.senses if sense.name != "activity"]
    terms = [term.name for term in settings.terms]
    network = [name for name in NETWORK_PARTS if settings.has(name)]
    ablated: dict[str, Callable[[], Local]] = {
        name: lambda name=name: local.ablated(name) for name in (*senses, *network)
    }
    if len(terms) > 1:
        ablated |= {name: lambda name=name: local.ablated(name) for name in terms}
    for alone in ("low_rank", "subspace"):
        others = [name for name in terms if name != alone]
        if alone in terms and len(others) > 1:
            name = f"all-but-{alone.replace('_', '-')}"
            ablated[name] = lambda others=others: local.ablated(*others)
    ablated["network"] = lambda: dataclasses.replace(
        local, w_readout=jnp.zeros_like(local.w_readout)
    )
    if local.resting_bias is not None:
        resting = local.resting_bias
        ablated["resting-bias"] = lambda: dataclasses.replace(
            local, resting_bias=jnp.zeros_like(resting)
        )
    ablated["step-factor"] = lambda: dataclasses.replace(
        local, log_rate=jnp.zeros_like(local.log_rate)
    )
    if settings.decay_power > 0:
        ablated["annealing"] = lambda: _with_settings(local, decay_power=0.0)
    if settings.learns == "all":
        ablated["upper-layers"] = lambda: _with_settings(local, learns="first")
    return {name: Part(TITLES.get(name, name), without) for name, without in ablated.items()}


def drawn(rule: Rule, key: Any) -> Rule:
    """Return a rule of the same kind and settings at meta-step 0: θ as initialised."""
    return type(rule).create(key, **rule.settings)


def theta_as_numbers(rule: Rule) -> dict[str, Any]:
    """Return θ of rule `local` as numbers for its terms, step and biases; empty for other kinds.

    `term_weights` are given by the layer of the weight matrix (`all` if layers share them);
    `step_factor` multiplies the steps of weights and biases and is at most `most`.
    """
    if not isinstance(rule, Local):
        return {}
    terms = [term.name for term in rule.config.terms]
    mixture = np.asarray(rule.term_weights, float)
    rows = dict(zip(LAYERS, mixture, strict=True)) if mixture.ndim == 2 else {"all": mixture}
    factor = np.exp(RATE_RANGE * np.tanh(np.asarray(rule.log_rate, float)))
    numbers: dict[str, Any] = {
        "term_weights": {
            layer: dict(zip(terms, row.tolist(), strict=True)) for layer, row in rows.items()
        },
        "step_factor": {
            "weights": float(factor[0]),
            "biases": float(factor[1]),
            "most": math.exp(RATE_RANGE),
        },
        "error_gate": np.asarray(rule.error_gate, float).tolist(),
    }
    if rule.resting_bias is not None:
        resting = np.asarray(rule.resting_bias, float).tolist()
        numbers["resting_bias"] = dict(zip(LAYERS, resting, strict=True))
    return numbers


def _with_settings(rule: Local, **changes: Any) -> Local:
    return dataclasses.replace(rule, config=rule.config.model_copy(update=changes))

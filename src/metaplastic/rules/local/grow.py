"""Grow or ablate rule `local`: change its parts and keep the θ that old and new rule share.

Every row and column of θ has a name (`layout.labels`), so both operations match names.
Growth preserves the function (Chen et al., 2016, "Net2Net", but with zeros instead of copies, so
that no symmetry has to be broken): new hidden units get freshly drawn incoming weights, and all
weights from new units or new senses to existing units start at zero. New terms start with weight
zero. Two parts start as in a fresh rule instead, and change updates. The subspace term starts with
weight one in the top layer and, with `resting_bias`, in the middle layers. Resting biases raise the
biases of the middle layers, which with `subspace` also get the term weights of the top layer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array

from metaplastic.errors import ConfigError
from metaplastic.rules.local.layout import AXES, labels
from metaplastic.rules.local.settings import LocalSettings
from metaplastic.rules.rule import Rule
from metaplastic.settings import validated

if TYPE_CHECKING:
    from metaplastic.rules.local import Local

_MAY_GROW = ("hidden", "subspace", "resting_bias", "extra", "without")


def grow(rule: Local, fresh: Rule) -> Rule:
    """Return `rule` with the hidden units and the parts of `fresh`, whose θ is freshly drawn.

    `fresh` must be of the same kind, with the same settings except for a larger `hidden`,
    `subspace` or `resting_bias` switched on, or additional parts. If the settings are identical,
    `rule` itself is returned. Raises `ConfigError` on any other difference.
    """
    if (rule.name, rule.settings) == (fresh.name, fresh.settings):
        return rule
    if type(fresh) is not type(rule) or not _contains(fresh.config, rule.config):  # pyright: ignore
        raise ConfigError(
            f"a rule of kind {rule.name!r} with settings {rule.settings} cannot grow into one of "
            f"kind {fresh.name!r} with {fresh.settings}; keep rule.name and rule.settings as they "
            "are except, for 'local', for a larger hidden, subspace = true, resting_bias = true or "
            "additional parts"
        )
    before, after = labels(rule.config), labels(fresh.config)  # pyright: ignore
    changed: dict[str, Array] = {"log_rate": rule.log_rate}
    for name, axes in AXES.items():
        indices = [_indices(before[axis], after[axis]) for axis in axes]
        new, old = getattr(fresh, name), getattr(rule, name)
        if name == "term_weights":
            old = np.broadcast_to(old, (*new.shape[:-1], old.shape[-1]))
            changed[name] = new.at[..., indices[0]].set(old)
            continue
        if len(axes) == 2:
            added = np.setdiff1d(np.arange(new.shape[0]), indices[0])
            new = new.at[np.ix_(added, indices[1])].set(0.0)
        changed[name] = new.at[np.ix_(*indices)].set(old)
    if rule.resting_bias is not None:
        changed["resting_bias"] = rule.resting_bias
    elif fresh.config.subspace and fresh.config.resting_bias:  # pyright: ignore
        mixture = changed["term_weights"]
        changed["term_weights"] = mixture.at[1].set(mixture[-1])
    return dataclasses.replace(fresh, **changed)


def ablated(rule: Local, parts: Sequence[str]) -> Local:
    """Return `rule` without the given senses, terms or parts of the update network, the rest of θ
    unchanged. Raises `ConfigError` if the rule does not have one of these parts."""
    extra = tuple(name for name in rule.config.extra if name not in parts)
    without = tuple(
        dict.fromkeys([*rule.config.without, *(p for p in parts if p not in rule.config.extra)])
    )
    config = validated(
        LocalSettings, {**rule.config.model_dump(), "extra": extra, "without": without}
    )
    before, after = labels(rule.config), labels(config)
    changed = {}
    for name, axes in AXES.items():
        indices = [_indices(after[axis], before[axis]) for axis in axes]
        array = getattr(rule, name)
        index = (..., indices[0]) if name == "term_weights" else np.ix_(*indices)
        changed[name] = array[index]
    return dataclasses.replace(rule, config=config, **changed)


def _contains(large: LocalSettings, small: LocalSettings) -> bool:
    """Return whether a rule with settings `small` can grow into one with settings `large`."""
    before, after = labels(small), labels(large)
    blanks = dict.fromkeys(_MAY_GROW)
    return (
        {**small.model_dump(), **blanks} == {**large.model_dump(), **blanks}
        and all(set(before[axis]) <= set(after[axis]) for axis in before)
        and large.subspace >= small.subspace
        and large.resting_bias >= small.resting_bias
        and large.has("pooling") == small.has("pooling")
    )


def _indices(labels: Sequence[tuple], all_labels: Sequence[tuple]) -> np.ndarray:
    """Return the index in `all_labels` of each of `labels`."""
    index = {label: i for i, label in enumerate(all_labels)}
    return np.array([index[label] for label in labels], int)

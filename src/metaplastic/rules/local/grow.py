"""Growing and ablating rule `local`: θ of a rule with other parts, what they share being as it was.

The meaning of each row and column of θ is known by name (`update_network.labels`), so that either
is a matter of matching names. Growth preserves the function (Chen et al., 2016, "Net2Net", with
zeros in place of copies, so that nothing has to break a symmetry): new hidden units get weights
freshly drawn, and what leaves new units or new senses towards anything that was there before begins
at zero. New terms weigh nothing at first. The subspace term and resting biases begin as in a fresh
rule, which changes updates: of the top layer the one, of middle layers the others, whose terms are
weighed as the top layer's from then on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array

from metaplastic.errors import ConfigError
from metaplastic.rules.local.settings import LocalSettings
from metaplastic.rules.local.update_network import AXES, labels
from metaplastic.rules.rule import Rule
from metaplastic.settings import validated

if TYPE_CHECKING:
    from metaplastic.rules.local import Local

_MAY_GROW = ("hidden", "subspace", "resting_bias", "extra", "without")


def grow(rule: Local, fresh: Rule) -> Rule:
    """`rule` with as many hidden units and all the parts that `fresh` has.

    `fresh` is of the same kind and settings but for a larger `hidden`, or `subspace`,
    `resting_bias` or further parts where there were none, θ freshly drawn; a rule of its very
    settings is returned as it is. Raises `ConfigError` on any other difference.
    """
    if (rule.name, rule.settings) == (fresh.name, fresh.settings):
        return rule
    if type(fresh) is not type(rule) or not _contains(fresh.config, rule.config):  # pyright: ignore
        raise ConfigError(
            f"a rule of kind {rule.name!r} with settings {rule.settings} can't become one of kind "
            f"{fresh.name!r} with {fresh.settings}; give rule.name and rule.settings as they are, "
            "or, for 'local', a larger hidden, subspace = true or resting_bias = true, more parts, "
            "and all else as it is"
        )
    before, after = labels(rule.config), labels(fresh.config)  # pyright: ignore
    changed: dict[str, Array] = {"log_rate": rule.log_rate}
    for name, axes in AXES.items():
        kept = [_where(before[axis], after[axis]) for axis in axes]
        new, old = getattr(fresh, name), getattr(rule, name)
        if name == "term_weights":
            old = np.broadcast_to(old, (*new.shape[:-1], old.shape[-1]))
            changed[name] = new.at[..., kept[0]].set(old)
            continue
        if len(axes) == 2:
            added = np.setdiff1d(np.arange(new.shape[0]), kept[0])
            new = new.at[np.ix_(added, kept[1])].set(0.0)
        changed[name] = new.at[np.ix_(*kept)].set(old)
    if rule.resting_bias is not None:
        changed["resting_bias"] = rule.resting_bias
    elif fresh.config.subspace and fresh.config.resting_bias:  # pyright: ignore
        mixture = changed["term_weights"]
        changed["term_weights"] = mixture.at[1].set(mixture[-1])
    return dataclasses.replace(fresh, **changed)


def ablated(rule: Local, parts: Sequence[str]) -> Local:
    """`rule` without those senses, terms or parts of the update network, θ as it is else. Raises
    `ConfigError` on a part that it has not."""
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
        kept = [_where(after[axis], before[axis]) for axis in axes]
        array = getattr(rule, name)
        changed[name] = array[..., kept[0]] if name == "term_weights" else array[np.ix_(*kept)]
    return dataclasses.replace(rule, config=config, **changed)


def _contains(large: LocalSettings, small: LocalSettings) -> bool:
    """Whether a rule of settings `small` can grow into one of `large`."""
    before, after = labels(small), labels(large)
    same = dict.fromkeys(_MAY_GROW)
    return (
        {**small.model_dump(), **same} == {**large.model_dump(), **same}
        and all(set(before[axis]) <= set(after[axis]) for axis in before)
        and large.subspace >= small.subspace
        and large.resting_bias >= small.resting_bias
        and large.has("pooling") == small.has("pooling")
    )


def _where(some: Sequence[tuple], among: Sequence[tuple]) -> np.ndarray:
    """The index of each label of `some`."""
    index = {label: i for i, label in enumerate(among)}
    return np.array([index[label] for label in some], int)

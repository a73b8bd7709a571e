"""Widening: more hidden units, or more terms, for a rule that is meta-trained.

New units of the update network get weights freshly drawn, and what leaves them towards anything
that was there before begins at zero (the function-preserving growth of Chen et al., 2016,
"Net2Net", with zeros in place of copies, so that nothing has to break a symmetry): updates stay as
they were. The subspace term and resting biases begin as in a fresh rule, which changes updates: of
the top layer the one, of middle layers the others, whose terms are weighed as the top layer's from
then on.
"""

from __future__ import annotations

import dataclasses

import jax

from metaplastic.errors import ConfigError
from metaplastic.rules.local import Local
from metaplastic.rules.rule import Rule

_FROM_NEW = ("w_hidden", "w_pooled", "w_layer", "w_readout", "w_statistics")  # rows that can be new

_MAY_GROW = ("hidden", "subspace", "resting_bias")


def widen(rule: Rule, fresh: Rule) -> Rule:
    """`rule` with as many hidden units as `fresh` has, its subspace term and its resting biases.

    `fresh` is of the same kind and settings but for a larger `hidden`, or `subspace` or
    `resting_bias` on where they were off, θ freshly drawn; a rule of its very settings is returned
    as it is. Raises `ConfigError` on any other difference.
    """
    if (rule.name, rule.settings) == (fresh.name, fresh.settings):
        return rule
    if not (
        isinstance(rule, Local)
        and isinstance(fresh, Local)
        and {**rule.settings, **dict.fromkeys(_MAY_GROW)}
        == {**fresh.settings, **dict.fromkeys(_MAY_GROW)}
        and fresh.config.hidden >= rule.config.hidden
        and fresh.config.subspace >= rule.config.subspace
        and fresh.config.resting_bias >= rule.config.resting_bias
    ):
        raise ConfigError(
            f"a rule of kind {rule.name!r} with settings {rule.settings} can't become one of kind "
            f"{fresh.name!r} with {fresh.settings}; give rule.name and rule.settings as they are, "
            "or, for 'local', a larger hidden, subspace = true or resting_bias = true, and all "
            "else as it is"
        )
    changed: dict[str, jax.Array] = {}
    for field in dataclasses.fields(rule):
        old = getattr(rule, field.name)
        if not isinstance(old, jax.Array):
            continue
        new = getattr(fresh, field.name)
        if field.name in _FROM_NEW:
            new = new.at[old.shape[0] :, : old.shape[1]].set(0.0)
        # the term weights of all places alike become those of each
        corner = (..., *(slice(0, n) for n in old.shape))
        changed[field.name] = new.at[corner].set(old)
    if fresh.config.subspace and fresh.config.resting_bias > rule.config.resting_bias:
        mixture = changed["term_weights"]
        changed["term_weights"] = mixture.at[1].set(mixture[-1])
    return dataclasses.replace(fresh, **changed)

"""Widening: more hidden units, or the subspace term, for a rule that is meta-trained.

New units of the update network get weights freshly drawn, and what leaves them towards anything
that was there before begins at zero (the function-preserving growth of Chen et al., 2016,
"Net2Net", with zeros in place of copies, so that nothing has to break a symmetry): updates stay as
they were. The subspace term begins with the weights that it has in a fresh rule, which changes
updates of the top layer.
"""

from __future__ import annotations

import dataclasses

import jax

from metaplastic.errors import ConfigError
from metaplastic.rules.local import Local
from metaplastic.rules.rule import Rule

_FROM_HIDDEN = ("w_hidden", "w_pooled", "w_layer", "w_readout")  # rows are hidden units

_MAY_GROW = ("hidden", "subspace")


def widen(rule: Rule, fresh: Rule) -> Rule:
    """`rule` with as many hidden units as `fresh` has, and its subspace term if it has one.

    `fresh` is of the same kind and settings but for a larger `hidden` or `subspace` on where it
    was off, θ freshly drawn; a rule of its very settings is returned as it is. Raises `ConfigError`
    on any other difference.
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
    ):
        raise ConfigError(
            f"a rule of kind {rule.name!r} with settings {rule.settings} can't become one of kind "
            f"{fresh.name!r} with {fresh.settings}; give rule.name and rule.settings as they are, "
            "or, for 'local', a larger hidden or subspace = true, and all else as it is"
        )
    hidden = rule.config.hidden
    changed: dict[str, jax.Array] = {}
    for field in dataclasses.fields(rule):
        old = getattr(rule, field.name)
        if not isinstance(old, jax.Array):
            continue
        new = getattr(fresh, field.name)
        if field.name in _FROM_HIDDEN:
            new = new.at[hidden:, : old.shape[1]].set(0.0)
        # the term weights of all places alike become those of each
        corner = (..., *(slice(0, n) for n in old.shape))
        changed[field.name] = new.at[corner].set(old)
    return dataclasses.replace(fresh, **changed)

"""The rule a command is given: a rule file, a shipped rule's name, or a rule of the registry."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from metaplastic.errors import MetaplasticError, RuleFileError
from metaplastic.hub import load_card, load_rule, shipped_rules
from metaplastic.meta.run.run_dir import read_config
from metaplastic.meta.run.stages import RECORD, RULE
from metaplastic.rules import RULES, Rule, make_rule

DEFAULT_INNER_STEPS = 200
DEFAULT_BATCH_SIZE = 64


class NamedRule(NamedTuple):
    """A rule, what it was called, and what its card says.

    `meta_steps` counts those of the rules that it began from, as far as the card knows, and is None
    where θ was not meta-trained (or the card does not say); `horizon` is the
    number of inner steps it was meta-trained to, where the card gives it. `wall_clock_seconds` too
    are of the rules that it began from as well.
    """

    rule: Rule
    name: str
    title: str
    meta_steps: int | None
    horizon: int | None
    training_data: tuple[str, ...]
    wall_clock_seconds: float | None
    batch_size: int | None = None

    @property
    def fingerprint(self) -> str:
        """Names θ and the rule's settings: rules with one fingerprint give the same numbers."""
        found = hashlib.sha256(f"{self.rule.name} {sorted(self.rule.settings.items())}".encode())
        for leaf in jax.tree.leaves(eqx.filter(self.rule, eqx.is_array)):
            found.update(np.ascontiguousarray(leaf).tobytes())
        return found.hexdigest()[:16]

    @property
    def label(self) -> str:
        """A short name for tables and figures."""
        path = Path(self.name)
        if path.suffix != ".safetensors":
            return self.name
        # the newest rule of a run is called after the run
        return path.parent.name if path.stem == "rule" and path.parent.name else path.stem

    @property
    def plain(self) -> str:
        """What it is, for a reader of a table."""
        if self.meta_steps is not None:
            return "learned rule"
        return "rule by hand" if self.rule.name == "hebbian" else "rule, not meta-trained"

    def describe(self) -> dict[str, Any]:
        """For results files."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.rule.name,
            "settings": self.rule.settings,
            "title": self.title,
            "meta_steps": self.meta_steps,
            "horizon": self.horizon,
            "fingerprint": self.fingerprint,
            "training_data": list(self.training_data),
            "wall_clock_seconds": self.wall_clock_seconds,
            "caution": self.caution,
        }

    @property
    def caution(self) -> str:
        """What a reader of its numbers has to know; empty where there is nothing to say."""
        if self.rule.name == "hebbian" and self.meta_steps is None:
            return "designed by hand, not meta-trained"
        if self.meta_steps is None:
            return "its θ was drawn at random, not meta-trained"
        if self.meta_steps < FEW:
            return f"meta-trained for {self.meta_steps:,} meta-steps only; good rules had thousands"
        return ""


FEW = 1000  # meta-steps below which a rule is a beginning


def named_rule(name: str | Path) -> NamedRule:
    """The rule of a file or a name. A name of the registry gives one that was never meta-trained.

    Raises `RuleFileError` naming what there is.
    """
    name = str(name)
    if Path(name).is_dir() and (Path(name) / RULE).is_file():
        name = str(Path(name) / RULE)  # a run directory: its newest rule
    if name in RULES and not Path(name).is_file():
        rule = make_rule(name, jax.random.key(0))
        title = (rule.__doc__ or name).strip().splitlines()[0]
        return NamedRule(rule, name, title, None, None, (), None)
    if not Path(name).exists() and name not in shipped_rules() and "://" not in name:
        raise RuleFileError(
            f"no rule {name!r}: give the path of a rule file, a shipped rule "
            f"({', '.join(shipped_rules()) or 'none in this version'}) or a rule that needs no "
            f"meta-training ({', '.join(sorted(RULES))})"
        )
    card = load_card(name)
    return NamedRule(
        load_rule(name),
        name,
        card.title,
        None if card.meta_steps is None else card.meta_steps + card.earlier_meta_steps,
        card.horizon,
        tuple(card.training_data),
        card.seconds_in_all,
        card.batch_size,
    )


def run_of(name: str | Path) -> Path | None:
    """The run directory that a rule file is in, or that is given itself, of one run or of
    stages; None for none."""
    path = Path(name)
    for folder in (path, path.parent, path.parent.parent):
        single = (folder / "config.json").is_file() and (folder / "rules").is_dir()
        if single or (folder / RECORD).is_file():
            return folder
    return None


def stages_of(run: Path) -> list[Path]:
    """The directories of a run's stages that have a rule, in their order; a single run is its own
    only one."""
    if not (run / RECORD).is_file():
        return [run]
    found = {
        int(match.group(1)): path
        for path in run.glob("stage-*")
        if (match := re.fullmatch(r"stage-(\d+)", path.name)) and (path / RULE).is_file()
    }
    return [found[number] for number in sorted(found)]


def ladder_of(run: Path, most: int = 6) -> list[NamedRule]:
    """Rules that a run kept on its way, by rising meta-step: the last of every stage, of the last
    stage all; `most` of them, spread evenly, the last and, where there are two, the first among
    them."""
    rules: list[NamedRule] = []
    done = 0
    *earlier, last = stages_of(run) or [run]
    for stage in earlier:
        own = load_card(stage / RULE).meta_steps or 0
        done += own
        rules.append(named_rule(stage / RULE)._replace(meta_steps=done))
    found = {
        int(match.group(1)): path
        for path in (last / "rules").glob("step-*.safetensors")
        if (match := re.fullmatch(r"step-(\d+)", path.stem))
    }
    newest = last / RULE  # a run that was stopped ends between two rungs
    if newest.is_file() and (at := load_card(newest).meta_steps or 0) > max(found, default=0):
        found[at] = newest
    for step in sorted(found):
        rule = named_rule(found[step])
        rules.append(rule._replace(meta_steps=done + step) if done else rule)
    return spread(rules, most)


def spread(rules: list[NamedRule], most: int) -> list[NamedRule]:
    """`most` of them, spread evenly, the last and, where there are two, the first among them."""
    if len(rules) <= most:
        return rules
    places = np.linspace(len(rules) - 1, 0, most).round().astype(int)[::-1]
    return [rules[place] for place in places]


def start_of(run: Path) -> NamedRule | None:
    """The rule that a run began from, θ as the run drew it; None where it began from another rule,
    or its settings are not recorded."""
    first = stages_of(run)[0]
    try:
        config = read_config(first)
        if config.rule.start is not None:
            return None
        rule = make_rule(config.rule.name, jax.random.key(config.seed), **config.rule.settings)
    except MetaplasticError:
        return None
    return NamedRule(rule, "meta-step 0", "", 0, config.unroll.horizon[1], (), None)


def inner_steps_of(given: NamedRule) -> int:
    """The horizon a rule was meta-trained to, or 200 where it has none."""
    return given.horizon or DEFAULT_INNER_STEPS

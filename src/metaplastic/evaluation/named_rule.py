"""The rule given to a command: a rule file, the name of a shipped rule, or a registered rule."""

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
    """A rule with the name it was given by and the facts of its card.

    `meta_steps` and `wall_clock_seconds` include those of the rules that it was started from, as
    far as the card records them. `meta_steps` is None if θ was not meta-trained or the card does
    not say; `horizon` is the number of inner steps of meta-training, if the card gives it.
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
        """Return a hash of θ and the settings: equal fingerprints mean equal results."""
        digest = hashlib.sha256(f"{self.rule.name} {sorted(self.rule.settings.items())}".encode())
        for leaf in jax.tree.leaves(eqx.filter(self.rule, eqx.is_array)):
            digest.update(np.ascontiguousarray(leaf).tobytes())
        return digest.hexdigest()[:16]

    @property
    def label(self) -> str:
        """Return a short name for tables and figures."""
        path = Path(self.name)
        if path.suffix != ".safetensors":
            return self.name
        # a run's newest rule is named after the run
        return path.parent.name if path.stem == "rule" and path.parent.name else path.stem

    @property
    def plain(self) -> str:
        """Describe the kind of rule for a reader of a table."""
        if self.meta_steps is not None:
            return "learned rule"
        return "rule by hand" if self.rule.name == "hebbian" else "rule, not meta-trained"

    def describe(self) -> dict[str, Any]:
        """Describe the rule for results files."""
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
        """Return a caution for readers of its results, or an empty string."""
        if self.rule.name == "hebbian" and self.meta_steps is None:
            return "designed by hand, not meta-trained"
        if self.meta_steps is None:
            return "its θ was drawn at random, not meta-trained"
        if self.meta_steps < FEW:
            return f"meta-trained for {self.meta_steps:,} meta-steps only; good rules had thousands"
        return ""


FEW = 1000  # meta-steps below which a rule is hardly trained


def named_rule(name: str | Path) -> NamedRule:
    """Load the rule of a file or a name. A registered name gives a rule without meta-training.

    Raises `RuleFileError`, which lists the known names, if there is no such rule.
    """
    name = str(name)
    if Path(name).is_dir() and name not in RULES and name not in shipped_rules():
        if not (Path(name) / RULE).is_file():
            raise RuleFileError(f"{name}: a folder without {RULE}, so not a run directory")
        name = str(Path(name) / RULE)  # a run directory stands for its newest rule
    if name in RULES and not Path(name).is_file():
        rule = make_rule(name, jax.random.key(0))
        title = (rule.__doc__ or name).strip().splitlines()[0]
        return NamedRule(rule, name, title, None, None, (), None)
    if not Path(name).exists() and name not in shipped_rules() and "://" not in name:
        raise RuleFileError(
            f"no rule {name!r}: give the path of a rule file or run directory, a shipped rule "
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
    """Return the run directory (of a single run or of stages) that contains a rule file or is
    given itself; None if there is none."""
    path = Path(name)
    for folder in (path, path.parent, path.parent.parent):
        single = (folder / "config.json").is_file() and (folder / "rules").is_dir()
        if single or (folder / RECORD).is_file():
            return folder
    return None


def stages_of(run: Path) -> list[Path]:
    """Return the directories of a run's stages that have a rule, in order; a single run is its
    own only stage."""
    if not (run / RECORD).is_file():
        return [run]
    stages = {
        int(match.group(1)): path
        for path in run.glob("stage-*")
        if (match := re.fullmatch(r"stage-(\d+)", path.name)) and (path / RULE).is_file()
    }
    return [stages[number] for number in sorted(stages)]


def ladder_of(run: Path, most: int = 6) -> list[NamedRule]:
    """Return rules saved along a run by increasing meta-step: the last rule of each earlier stage
    and all of the last stage. At most `most`, evenly spaced, including the last and, if there are
    two, the first."""
    rules: list[NamedRule] = []
    done = 0
    *earlier, last = stages_of(run) or [run]
    for stage in earlier:
        steps = load_card(stage / RULE).meta_steps or 0
        done += steps
        rules.append(named_rule(stage / RULE)._replace(meta_steps=done))
    paths = {
        int(match.group(1)): path
        for path in (last / "rules").glob("step-*.safetensors")
        if (match := re.fullmatch(r"step-(\d+)", path.stem))
    }
    newest = last / RULE  # a stopped run ends between two rungs
    if newest.is_file() and (at := load_card(newest).meta_steps or 0) > max(paths, default=0):
        paths[at] = newest
    for step in sorted(paths):
        rule = named_rule(paths[step])
        rules.append(rule._replace(meta_steps=done + step) if done else rule)
    return spread(rules, most)


def spread(rules: list[NamedRule], most: int) -> list[NamedRule]:
    """Return at most `most` rules, evenly spaced, including the last and, if two, the first."""
    if len(rules) <= most:
        return rules
    indices = np.linspace(len(rules) - 1, 0, most).round().astype(int)[::-1]
    return [rules[index] for index in indices]


def start_of(run: Path) -> NamedRule | None:
    """Return the rule at the start of a run, with θ as initialised; None if the run was started
    from another rule or its settings are not recorded."""
    first = stages_of(run)[0]
    try:
        config = read_config(first)
        if config.rule.start is not None:
            return None
        rule = make_rule(config.rule.name, jax.random.key(config.seed), **config.rule.settings)
    except MetaplasticError:
        return None
    return NamedRule(rule, "meta-step 0", "", 0, config.unroll.horizon[1], (), None)


def inner_steps_of(rule: NamedRule) -> int:
    """Return the horizon of the rule's meta-training, or 200 if it has none."""
    return rule.horizon or DEFAULT_INNER_STEPS

"""A rule's card: the origin of its θ, as data and as Markdown."""

from __future__ import annotations

import json
import re

from pydantic import BaseModel, ConfigDict, Field

from metaplastic.durations import duration
from metaplastic.errors import printable

_YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


class RuleCard(BaseModel):
    """How a rule was made. Every field is optional."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    title: str = Field(default="", description="title of one line")
    training_data: tuple[str, ...] = Field(default=(), description="data sets of meta-training")
    held_out_data: tuple[str, ...] = Field(
        default=(), description="data sets held out from meta-training"
    )
    objective: str = Field(default="", description="meta-objective, its loss and units")
    metrics: dict[str, float] = Field(default_factory=dict, description="measured values, by name")
    command: str = Field(default="", description="command that made the rule")
    seed: int | None = Field(default=None, description="seed of that command")
    meta_steps: int | None = Field(default=None, description="number of updates of θ")
    earlier_meta_steps: int = Field(
        default=0, description="meta-steps of the rules that it was started from"
    )
    horizon: int | None = Field(
        default=None, description="longest unroll of meta-training, in inner steps"
    )
    batch_size: int | None = Field(
        default=None, description="examples in a minibatch of the inner loop"
    )
    wall_clock_seconds: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="duration of meta-training in seconds"
    )
    earlier_wall_clock_seconds: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="duration of meta-training the rules that it was started from, in seconds",
    )
    hardware: str = Field(default="", description="hardware of meta-training")
    licence: str = Field(
        default="", description="SPDX identifier of the rule file's licence; empty: not stated"
    )
    notes: str = Field(default="", description="Markdown text for the end of the page")

    @property
    def seconds_in_all(self) -> float | None:
        """Return the seconds of meta-training this rule and its predecessors; None if unknown."""
        if self.wall_clock_seconds is None:
            return None
        return self.earlier_wall_clock_seconds + self.wall_clock_seconds


def _line(text: str) -> str:
    """Return text of a file on one line, without characters that a terminal would act on."""
    return printable(" ".join(text.split()))


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _yaml(licence: str) -> str:
    """Return a licence for the front matter: an SPDX identifier as it is, anything else quoted."""
    plain = re.fullmatch(r"[a-z][a-z0-9.+-]*", licence) and licence not in _YAML_WORDS
    return licence if plain else json.dumps(_line(licence))


def _fenced(text: str) -> list[str]:
    """Return a block of code, with a fence longer than any in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`*", text))))
    return [fence, text, fence]


def card_markdown(
    card: RuleCard, *, name: str = "rule", facts: dict[str, str] | None = None
) -> str:
    """Format the card as a Markdown page with the front matter that model hubs read.

    `facts` are additional rows of the first table, such as the rule's kind and settings.
    """
    rows = dict(facts or {})
    if card.training_data:
        rows["meta-trained on"] = ", ".join(card.training_data)
    if card.held_out_data:
        rows["held out"] = ", ".join(card.held_out_data)
    if card.objective:
        rows["meta-objective"] = card.objective
    if card.meta_steps is not None:
        earlier = card.earlier_meta_steps
        rows["meta-steps"] = f"{card.meta_steps:,}" + (f", after {earlier:,}" if earlier else "")
    if card.horizon is not None:
        rows["horizon"] = f"{card.horizon:,} inner steps"
    if card.seconds_in_all is not None:
        rows["duration"] = duration(card.seconds_in_all)
    texts = {"hardware": card.hardware, "licence": card.licence}
    rows |= {label: value for label, value in texts.items() if value}
    if card.seed is not None:
        rows["seed"] = str(card.seed)

    name = _line(name)
    lines = ["---", "library_name: metaplastic"]
    if card.licence:
        lines.append(f"license: {_yaml(card.licence.lower())}")
    lines += ["tags: [meta-learning, unsupervised, plasticity]", "---", "", f"# {name}", ""]
    if card.title:
        lines += [_line(card.title), ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {_cell(label)} | {_cell(value)} |" for label, value in rows.items()]
    if card.metrics:
        lines += ["", "| metric | value |", "|---|---|"]
        lines += [f"| {_cell(k)} | {v:.4g} |" for k, v in sorted(card.metrics.items())]
    if card.command:
        lines += ["", "Made by:", "", *_fenced(printable(" ".join(card.command.splitlines())))]
    if card.notes:  # Markdown, whose lines are kept
        lines += ["", *(printable(line.expandtabs(4)) for line in card.notes.splitlines())]
    lines += [
        "",
        "A meta-trained, neuron-local, unsupervised update rule. To use it:",
        "",
        "```python",
        "from metaplastic import PlasticEncoder",
        f'PlasticEncoder(rule="{name}").fit_transform(X)',
        "```",
    ]
    return "\n".join(lines) + "\n"

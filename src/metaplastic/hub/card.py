"""A rule's card: where its θ comes from, as data and as Markdown."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from metaplastic.durations import duration


class RuleCard(BaseModel):
    """How a rule was made. Every field may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    title: str = Field(default="", description="one line")
    training_data: tuple[str, ...] = Field(default=(), description="data sets meta-trained on")
    held_out_data: tuple[str, ...] = Field(default=(), description="data sets never seen")
    objective: str = Field(default="", description="meta-objective, what its loss is, its units")
    metrics: dict[str, float] = Field(default_factory=dict, description="measured, by name")
    command: str = Field(default="", description="the command that made it")
    seed: int | None = Field(default=None, description="seed of that command")
    meta_steps: int | None = Field(default=None, description="updates of θ")
    earlier_meta_steps: int = Field(default=0, description="of the rules that it began from")
    horizon: int | None = Field(default=None, description="longest unroll meta-trained on, steps")
    batch_size: int | None = Field(default=None, description="of the inner loop")
    wall_clock_seconds: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="of meta-training, s"
    )
    earlier_wall_clock_seconds: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="of meta-training the rules that it began from, s",
    )
    hardware: str = Field(default="", description="that it was made on")
    licence: str = Field(default="Apache-2.0", description="of the rule file, as SPDX says it")
    notes: str = Field(default="", description="Markdown, at the end of the page")

    @property
    def seconds_in_all(self) -> float | None:
        """Of meta-training this rule and those that it began from; None where it is not known."""
        if self.wall_clock_seconds is None:
            return None
        return self.earlier_wall_clock_seconds + self.wall_clock_seconds


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def card_markdown(
    card: RuleCard, *, name: str = "rule", facts: dict[str, str] | None = None
) -> str:
    """The card as a Markdown page with the front matter that model hubs read.

    `facts` are further rows of the first table, such as the rule's kind and settings.
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

    lines = ["---", "library_name: metaplastic"]
    if card.licence:
        lines.append(f"license: {card.licence.lower()}")
    lines += ["tags: [meta-learning, unsupervised, plasticity]", "---", "", f"# {name}", ""]
    if card.title:
        lines += [card.title, ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {_cell(label)} | {_cell(value)} |" for label, value in rows.items()]
    if card.metrics:
        lines += ["", "| metric | value |", "|---|---|"]
        lines += [f"| {_cell(k)} | {v:.4g} |" for k, v in sorted(card.metrics.items())]
    if card.command:
        lines += ["", "Made by:", "", "```", card.command, "```"]
    if card.notes:
        lines += ["", card.notes]
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

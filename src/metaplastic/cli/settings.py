"""`metaplastic settings`: all settings with their meaning, allowed values and defaults."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from metaplastic.catalogue import Section
    from metaplastic.settings import Setting

MAX_COLUMNS = 100


def settings(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A section, such as optimizer, rule.local or study.labels, or a setting, such as "
            "learning_rate; default: list all sections.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Describe the settings of meta-training, rules, objectives, baselines and studies."""
    from metaplastic.catalogue import find, groups

    if name is not None:
        for section in find(name):
            _describe(section)
        return
    for group in groups():
        _print(f"{group.title}, set {group.usage}", 0, 0)
        for section in group.sections:
            _print(f"{section.name}: {section.meaning}", 2, 6)
    typer.echo("\n`metaplastic settings SECTION` describes the settings of a section.")


def _describe(section: Section) -> None:
    typer.echo(f"[{section.name}]")
    _print(section.meaning, 0, 0)
    for setting in section.settings:
        default = "(required)" if setting.default is None else f"= {setting.default}"
        _print(f"{section.prefix}{setting.name} {default}", 2, 6)
        _print(_meaning(setting), 6, 6)
    if not section.settings:
        _print("It has no settings.", 2, 2)
    typer.echo()


def _meaning(setting: Setting) -> str:
    return f"{setting.meaning} [{setting.kind.expected}]"


def _print(text: str, first_indent: int, indent: int) -> None:
    from metaplastic.cli.showing import console

    width = min(console().width, MAX_COLUMNS)
    for line in wrap(
        text,
        width,
        initial_indent=" " * first_indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        typer.echo(line)

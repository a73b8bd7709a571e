"""`metaplastic settings`: what can be set, what it may be, and what it means."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from metaplastic.catalogue import Section
    from metaplastic.settings import Setting

MOST_COLUMNS = 100


def settings(
    what: Annotated[
        str | None,
        typer.Argument(
            help="A section, as optimizer, rule.local or study.labels; or a setting, as "
            "learning_rate; left out: all sections.",
            metavar="WHAT",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Describe settings: of meta-train, rules, objectives, baselines, studies."""
    from metaplastic.catalogue import find, groups

    if what is not None:
        for section in find(what):
            _describe(section)
        return
    for group in groups():
        _print(f"{group.title}, given {group.usage}", 0, 0)
        for section in group.sections:
            _print(f"{section.name}: {section.meaning}", 2, 6)
    typer.echo("\nmetaplastic settings SECTION describes the settings of one.")


def _describe(section: Section) -> None:
    typer.echo(f"[{section.name}]")
    _print(section.meaning, 0, 0)
    for setting in section.settings:
        default = "(needed)" if setting.default is None else f"= {setting.default}"
        _print(f"{section.prefix}{setting.name} {default}", 2, 6)
        _print(_meaning(setting), 6, 6)
    if not section.settings:
        _print("It has no settings.", 2, 2)
    typer.echo()


def _meaning(setting: Setting) -> str:
    return f"{setting.meaning} [{setting.kind.expected}]"


def _print(text: str, first: int, rest: int) -> None:
    from metaplastic.cli.showing import console

    width = min(console().width, MOST_COLUMNS)
    for line in wrap(
        text,
        width,
        initial_indent=" " * first,
        subsequent_indent=" " * rest,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        typer.echo(line)

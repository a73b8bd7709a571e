"""The `metaplastic` command: one sub-command a file, each registered by one line here."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from metaplastic._version import __version__
from metaplastic.cli.data import app as data_app
from metaplastic.cli.demo import demo
from metaplastic.cli.evaluate import evaluate
from metaplastic.cli.fit import fit
from metaplastic.cli.info import info
from metaplastic.cli.meta_train import meta_train
from metaplastic.cli.report import report
from metaplastic.cli.runtime import keep_interrupts
from metaplastic.cli.study import study
from metaplastic.cli.transform import transform
from metaplastic.errors import MetaplasticError

app = typer.Typer(
    name="metaplastic",
    help="Meta-train unsupervised update rules, and learn features with them, without labels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"metaplastic {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


app.command("meta-train")(meta_train)
app.command()(evaluate)
app.command()(study)
app.command()(report)
app.add_typer(data_app, name="data")
app.command()(info)
app.command()(demo)
app.command()(fit)
app.command()(transform)


def main() -> None:
    """Run the command line; a user's mistake ends it with one line and status 2."""
    keep_interrupts()
    try:
        app()
    except MetaplasticError as error:
        typer.echo(f"metaplastic: {error}", err=True)
        sys.exit(2)

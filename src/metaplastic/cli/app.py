"""The `metaplastic` command: one sub-command a file, each registered by one line here."""

from __future__ import annotations

import signal
import sys
from inspect import cleandoc
from typing import Annotated, Any

import typer
from rich.markup import escape

from metaplastic import plugins
from metaplastic._version import __version__
from metaplastic.cli.classify import classify
from metaplastic.cli.data import app as data_app
from metaplastic.cli.demo import demo
from metaplastic.cli.ending import prepare_output, report
from metaplastic.cli.evaluate import evaluate
from metaplastic.cli.fit import fit
from metaplastic.cli.info import info
from metaplastic.cli.meta_train import meta_train
from metaplastic.cli.predict import predict
from metaplastic.cli.push import pull, push
from metaplastic.cli.regress import regress
from metaplastic.cli.report import report as write_report
from metaplastic.cli.runtime import keep_interrupts
from metaplastic.cli.settings import settings
from metaplastic.cli.showing import shows
from metaplastic.cli.study import study
from metaplastic.cli.transform import transform

app = typer.Typer(
    name="metaplastic",
    help="Meta-train unsupervised update rules, and learn features with them, without labels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"metaplastic {__version__}")
        raise typer.Exit


def _import(given: list[str] | None) -> None:
    plugins.request(given or ())


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    imports: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            callback=_import,
            expose_value=False,
            metavar="FILE",
            help="A Python file or module with a rule, objective or other part of your own "
            "(repeatable; also METAPLASTIC_IMPORT).",
        ),
    ] = None,
) -> None:
    pass


app.command("meta-train")(shows(meta_train))
app.command()(shows(evaluate))
app.command()(shows(study))
app.command("report")(shows(write_report))
app.add_typer(data_app, name="data")
app.command()(info)
app.command()(settings)
app.command()(shows(push))
app.command()(shows(pull))
app.command()(shows(demo))
app.command()(shows(fit))
app.command()(shows(transform))
app.command()(shows(classify))
app.command()(shows(regress))
app.command()(shows(predict))


def commands() -> Any:
    """Every command, each with the option --import. Help is plain text: what stands in brackets
    is not markup."""
    root: Any = typer.main.get_command(app)
    option = next(param for param in root.params if "--import" in param.opts)
    left = [root]
    while left:
        command: Any = left.pop()
        inner = getattr(command, "commands", {}).values()
        left += inner
        if not inner:
            command.params.append(option)
        for described in (command, *command.params):
            if text := getattr(described, "help", None):
                paragraphs = [" ".join(p.split()) for p in cleandoc(text).split("\n\n")]
                described.help = escape("\n\n".join(paragraphs))
    return root


def main() -> None:
    """Run the command line. Whatever goes wrong ends it with one line and a status."""
    prepare_output()
    keep_interrupts()
    try:
        try:
            commands()(prog_name="metaplastic")
        finally:
            sys.stdout.flush()  # a full disk is noticed here, or by nobody
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        sys.exit(report(error))

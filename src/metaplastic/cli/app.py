"""The `metaplastic` command: each sub-command has its own module and is registered here."""

from __future__ import annotations

import atexit
import gc
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
from metaplastic.cli.ending import INTERRUPTED, prepare_output, report
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
from metaplastic.cli.showing import with_progress
from metaplastic.cli.study import study
from metaplastic.cli.transform import transform

app = typer.Typer(
    name="metaplastic",
    help="Meta-train unsupervised update rules, and learn features from unlabelled data with them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"metaplastic {__version__}")
        raise typer.Exit


def _import(targets: list[str] | None) -> None:
    plugins.request(targets or ())


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
            help="A Python file or module to import, with your own rules, objectives or other "
            "parts (repeatable; also METAPLASTIC_IMPORT).",
        ),
    ] = None,
) -> None:
    pass


app.command("meta-train")(with_progress(meta_train))
app.command()(with_progress(evaluate))
app.command()(with_progress(study))
app.command("report")(with_progress(write_report))
app.add_typer(data_app, name="data")
app.command()(info)
app.command()(settings)
app.command()(with_progress(push))
app.command()(with_progress(pull))
app.command()(with_progress(demo))
app.command()(with_progress(fit))
app.command()(with_progress(transform))
app.command()(with_progress(classify))
app.command()(with_progress(regress))
app.command()(with_progress(predict))


def commands() -> Any:
    """Return the root command, with the option --import added to every sub-command. Brackets in
    help texts are escaped, since they are not markup."""
    root: Any = typer.main.get_command(app)
    option = next(param for param in root.params if "--import" in param.opts)
    pending = [root]
    while pending:
        command: Any = pending.pop()
        subcommands = getattr(command, "commands", {}).values()
        pending += subcommands
        if not subcommands:
            command.params.append(option)
        for item in (command, *command.params):
            if text := getattr(item, "help", None):
                paragraphs = [" ".join(p.split()) for p in cleandoc(text).split("\n\n")]
                item.help = escape("\n\n".join(paragraphs))
    return root


def main() -> None:
    """Run the command line. Any error ends it with a one-line message and an exit status."""
    prepare_output()
    keep_interrupts()
    atexit.register(gc.freeze)  # else Python looks through all objects again before it ends
    try:
        try:
            # not standalone: errors of usage come here too, and are one line like all others
            status = commands()(prog_name="metaplastic", standalone_mode=False)
        finally:
            sys.stdout.flush()  # a full disk may only show here
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:
        sys.exit(report(error))
    if status == INTERRUPTED:
        print("metaplastic: interrupted", file=sys.stderr)
    sys.exit(status if isinstance(status, int) else 0)

"""`metaplastic push` and `metaplastic pull`: rule files to and from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    rule: Annotated[Path, typer.Argument(help="A rule file, or a run.", metavar="RULE")],
    repository: Annotated[
        str, typer.Argument(help="Where to, as owner/name.", metavar="OWNER/NAME")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository a private one.")
    ] = False,
) -> None:
    """Put a rule and its card on the Hugging Face hub, by the token that its client knows."""
    from metaplastic.hub import push_to_hub
    from metaplastic.meta.run.run_dir import RULE

    path = rule / RULE if rule.is_dir() else rule
    address = push_to_hub(path, repository, private=private)
    typer.echo(f"{address}: PlasticEncoder(rule={address!r}) loads it")


def pull(
    address: Annotated[
        str, typer.Argument(help="owner/name, or hf://owner/name@revision.", metavar="ADDRESS")
    ],
    out: Annotated[Path, typer.Option(help="The rule file to write.")] = Path("rule.safetensors"),
) -> None:
    """Fetch a rule from the Hugging Face hub into a file, every byte checked."""
    from metaplastic.errors import RuleFileError
    from metaplastic.files import check_writable
    from metaplastic.hub import pull_from_hub

    check_writable(out, RuleFileError)
    pull_from_hub(address, out)
    typer.echo(f"{out}: `metaplastic info {out}` describes it")

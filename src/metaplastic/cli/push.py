"""`metaplastic push` and `metaplastic pull`: exchange rule files with the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    rule: Annotated[Path, typer.Argument(help="A rule file or a run directory.", metavar="RULE")],
    repository: Annotated[str, typer.Argument(help="Repository on the hub.", metavar="OWNER/NAME")],
    private: Annotated[
        bool, typer.Option("--private", help="If the repository is new, make it private.")
    ] = False,
) -> None:
    """Upload a rule and its card to the Hugging Face hub, with the token of its client."""
    from metaplastic.hub import push_to_hub
    from metaplastic.meta.run.run_dir import RULE

    path = rule / RULE if rule.is_dir() else rule
    address = push_to_hub(path, repository, private=private)
    typer.echo(f"{address}: load it with PlasticEncoder(rule={address!r})")


def pull(
    address: Annotated[
        str, typer.Argument(help="owner/name, or hf://owner/name@revision.", metavar="ADDRESS")
    ],
    out: Annotated[Path, typer.Option(help="Rule file to write.")] = Path("rule.safetensors"),
) -> None:
    """Download a rule from the Hugging Face hub to a file, with a check of its contents."""
    from metaplastic.errors import RuleFileError
    from metaplastic.files import check_writable
    from metaplastic.hub import pull_from_hub

    check_writable(out, RuleFileError)
    pull_from_hub(address, out)
    typer.echo(f"{out}: see its card with `metaplastic info {out}`")

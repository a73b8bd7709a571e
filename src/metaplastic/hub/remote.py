"""Rules on the Hugging Face hub, through the package huggingface_hub (the extra `hub`).

A rule there is a model repository with two files: `rule.safetensors` and its card, `README.md`.
Its client keeps what it fetched; HF_ENDPOINT and the token that the client knows are its own.
"""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path
from typing import Any

from metaplastic.errors import MissingExtraError, RuleFileError

SCHEME = "hf://"
FILE_NAME = "rule.safetensors"
_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub", "hf:// addresses") from None
    return huggingface_hub


def _parse(address: str) -> tuple[str, str | None]:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise RuleFileError(
            f"{address!r}: give hf://owner/name, or hf://owner/name@revision for one version"
        )
    return match[1], match[2]


def _reason(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text}"[:250]


def fetch(address: str) -> Path:
    """The local copy of the rule file at "hf://owner/name[@revision]", fetched where needed.

    Raises `RuleFileError` where it cannot be had, MissingExtraError without the client.
    """
    repository, revision = _parse(address)
    client = _client()
    try:
        found = client.hf_hub_download(
            repository, FILE_NAME, revision=revision, endpoint=os.environ.get("HF_ENDPOINT")
        )
    except Exception as problem:
        raise RuleFileError(f"{address}: cannot be fetched ({_reason(problem)})") from None
    return Path(found)


def push_to_hub(
    path: str | PathLike[str],
    repository: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = "Upload rule",
) -> str:
    """Put a rule file and its card into "owner/name", made where it does not exist, as one commit.

    Returns the address to load it from. The file is read and checked first. Raises `RuleFileError`
    on a damaged file or where the hub refuses, MissingExtraError without the client.
    """
    from metaplastic.hub.rule_file import rule_page

    address = SCHEME + repository.removeprefix(SCHEME)
    repository, _ = _parse(address)
    page = rule_page(path, address)
    client = _client()
    api = client.HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        api.create_commit(
            repository,
            [
                client.CommitOperationAdd(FILE_NAME, Path(path).read_bytes()),
                client.CommitOperationAdd("README.md", page.encode()),
            ],
            commit_message=message,
        )
    except Exception as problem:
        raise RuleFileError(f"{address}: cannot be uploaded ({_reason(problem)})") from None
    return address

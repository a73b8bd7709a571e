"""Rules on the Hugging Face hub, through the package huggingface_hub (the extra `hub`).

A rule there is a model repository with two files: `rule.safetensors` and its card, `README.md`.
Its client keeps what it fetched; HF_ENDPOINT and the token that the client knows are its own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from metaplastic.errors import MissingExtraError, RuleFileError

SCHEME = "hf://"
FILE_NAME = "rule.safetensors"
_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)


def client() -> Any:
    """The package `huggingface_hub`. Raises `MissingExtraError` without it."""
    try:
        import huggingface_hub
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub", "hf:// addresses") from None
    return huggingface_hub


def parse(address: str) -> tuple[str, str | None]:
    """The repository and the revision that an address names."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise RuleFileError(
            f"{address!r}: give hf://owner/name, or hf://owner/name@revision for one version"
        )
    return match[1], match[2]


def reason(problem: Exception) -> str:
    """An error of the client in one line."""
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text}"[:250]


def fetch(address: str) -> Path:
    """The local copy of the rule file at "hf://owner/name[@revision]", fetched where needed.

    Raises `RuleFileError` where it cannot be had, MissingExtraError without the client.
    """
    repository, revision = parse(address)
    hub = client()
    try:
        found = hub.hf_hub_download(
            repository, FILE_NAME, revision=revision, endpoint=os.environ.get("HF_ENDPOINT")
        )
    except Exception as problem:
        raise RuleFileError(f"{address}: cannot be fetched ({reason(problem)})") from None
    return Path(found)

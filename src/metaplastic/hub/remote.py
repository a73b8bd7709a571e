"""Rules on the Hugging Face hub, through the package huggingface_hub (the extra `hub`).

A rule is a model repository with two files: `rule.safetensors` and its card, `README.md`. The
client caches downloads and uses its own settings for HF_ENDPOINT and the token.
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
    """Import the package `huggingface_hub`. Raises `MissingExtraError` if it is missing."""
    try:
        import huggingface_hub
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub", "hf:// addresses") from None
    return huggingface_hub


def parse(address: str) -> tuple[str, str | None]:
    """Split an address into repository and revision. Raises `RuleFileError` if it is malformed."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise RuleFileError(
            f"{address!r}: expected hf://owner/name, or hf://owner/name@revision for one version"
        )
    return match[1], match[2]


def reason(problem: Exception) -> str:
    """Format an error of the client in one line."""
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text}"[:250]


def fetch(address: str) -> Path:
    """Return the local copy of the rule file at "hf://owner/name[@revision]", downloaded if needed.

    Raises `RuleFileError` if it cannot be downloaded, `MissingExtraError` without the client.
    """
    repository, revision = parse(address)
    hub = client()
    try:
        path = hub.hf_hub_download(
            repository, FILE_NAME, revision=revision, endpoint=os.environ.get("HF_ENDPOINT")
        )
    except Exception as problem:
        raise RuleFileError(f"{address}: cannot be downloaded ({reason(problem)})") from None
    return Path(path)

"""Uploading rules with their cards to the Hugging Face hub, and downloading them."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from metaplastic import files
from metaplastic.errors import RuleFileError
from metaplastic.hub import remote
from metaplastic.hub.rule_file import SIZE_LIMIT, load_card, rule_page


def push_to_hub(
    path: str | PathLike[str],
    repository: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = "Upload rule",
) -> str:
    """Upload a rule file and its card to "owner/name", created if needed, as one commit.

    Returns the address to load it from. The file is read and checked first. Raises `RuleFileError`
    if the file is damaged, if a revision is given or if the upload fails, `MissingExtraError`
    without the client.
    """
    address = remote.SCHEME + repository.removeprefix(remote.SCHEME)
    repository, revision = remote.parse(address)
    if revision is not None:
        raise RuleFileError(
            f"{address}: a rule is uploaded as a new version, not to a revision; give "
            f"{repository} without @{revision}"
        )
    page = rule_page(path, address)
    hub = remote.client()
    api = hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        api.create_commit(
            repository,
            [
                hub.CommitOperationAdd(remote.FILE_NAME, Path(path).read_bytes()),
                hub.CommitOperationAdd("README.md", page.encode()),
            ],
            commit_message=message,
        )
    except Exception as problem:
        raise RuleFileError(f"{address}: cannot be uploaded ({remote.reason(problem)})") from None
    return address


def pull_from_hub(address: str, path: str | PathLike[str]) -> None:
    """Download the rule file at "owner/name", or "hf://owner/name@revision", to `path`.

    Its checksum is verified; the kind of rule in it need not be known here. Raises `RuleFileError`
    if it cannot be downloaded, is damaged or cannot be written.
    """
    address = remote.SCHEME + address.removeprefix(remote.SCHEME)
    load_card(address)
    content = files.read_bytes(remote.fetch(address), RuleFileError, limit=SIZE_LIMIT)
    files.write(Path(path), content, RuleFileError)

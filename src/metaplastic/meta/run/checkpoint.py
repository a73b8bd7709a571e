"""Checkpoints: the full state of a run, for resuming bit for bit. safetensors, never pickle.

Arrays are named by their paths in the tree. The metadata, all strings, are `format`, `version`,
`header` (JSON) and, from version 2 on, `sha256` over everything else, as in rule files. Older
versions can be read.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import PyTree
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open

from metaplastic import files
from metaplastic.errors import RunError
from metaplastic.hub import container

FORMAT = "metaplastic-checkpoint"
VERSION = 3  # up to version 2, the state of the rule counted the inner steps of a task
SIZE_LIMIT = 1 << 36  # bytes
LARGEST = 1e9  # no sensible meta-parameter is larger

_OF_LAYER = re.compile(r"\['phi'\]\.(weights|biases|backward)\[(\d+)\]")
_PARTS = {"weights": "weight", "biases": "bias", "backward": "backward"}

Tree = TypeVar("Tree", bound=PyTree)


class Header(BaseModel):
    """The content of a checkpoint besides the arrays."""

    model_config = ConfigDict(frozen=True, strict=True)

    meta_step: int = Field(ge=0, lt=1 << 40, description="meta-steps done")
    seconds: float = Field(ge=0, allow_inf_nan=False, description="seconds that they took")
    validation: dict[str, float] = Field(description="latest accuracies by inner step")


def _named_leaves(tree: PyTree) -> dict[str, Any]:
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in paths}


def save_checkpoint(path: Path, tree: PyTree, header: Header) -> None:
    """Write all arrays of `tree` and the header to one file, atomically.

    Raises `RunError` if it cannot be written; an earlier file is then left intact.
    """
    arrays = {name: np.asarray(leaf) for name, leaf in _named_leaves(tree).items()}
    text = json.dumps(header.model_dump())
    metadata = {"format": FORMAT, "version": str(VERSION), "header": text}
    container.write(path, arrays, metadata, RunError)


def load_checkpoint(path: Path, like: Tree) -> tuple[Tree, Header]:
    """Load the tree and the header saved at `path`; `like` has the structure, shapes and dtypes.

    Raises `RunError` if the file is damaged, if the structure differs, or if θ (the entries "rule"
    and "optimizer" of the tree) is not finite or absurdly large.
    """
    arrays, metadata = _read(path)
    arrays = _renamed(arrays) if metadata["version"] in ("1", "2") else arrays
    try:
        header = Header.model_validate_json(metadata.get("header", ""))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "header"
        raise RunError(f"damaged checkpoint {str(path)!r}: {field}: {first['msg']}") from None
    expected = _named_leaves(like)
    if arrays.keys() != expected.keys():
        differing = files.show(sorted(arrays.keys() ^ expected.keys())[:3])
        raise RunError(f"{str(path)!r} does not fit this configuration: differs in {differing}")
    leaves = []
    for name, leaf in expected.items():
        array = arrays[name]
        if array.shape != np.shape(leaf) or array.dtype != np.asarray(leaf).dtype:
            raise RunError(
                f"{str(path)!r} does not fit this configuration: {name} is {array.dtype}"
                f"{array.shape}, expected {np.asarray(leaf).dtype}{np.shape(leaf)}"
            )
        leaves.append(jax.numpy.asarray(array))
    _check_theta(arrays, path)
    return jax.tree.unflatten(jax.tree.structure(like), leaves), header


def _read(path: Path) -> container.Contents:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise RunError(f"{str(path)!r} is not a checkpoint of a meta-training run")
            version = metadata.get("version", "")
            if metadata.keys() == {"format", "version", "header"} and version == "1":
                # written before digests were introduced
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return container.Contents(arrays, metadata)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"damaged checkpoint {str(path)!r}: {files.show(error)}") from None
    if version not in ("2", str(VERSION)):
        raise RunError(
            f"{str(path)!r} has version {files.show(version)!r}, but this version of metaplastic "
            f"reads up to {VERSION}: the file is damaged, or needs a newer metaplastic"
        )
    content = files.read_bytes(path, RunError, limit=SIZE_LIMIT)
    return container.parse(content, str(path), RunError)


def _renamed(arrays: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Rename the arrays of a checkpoint of version 1 or 2 to the current names."""

    def current(name: str) -> str:
        name = name.replace("['rule_state'].age", "['age']")
        return _OF_LAYER.sub(lambda m: f"['phi'].layers[{m[2]}].{_PARTS[m[1]]}", name)

    return {current(name): array for name, array in arrays.items()}


def _check_theta(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    for name, array in arrays.items():
        if name.startswith(("['rule']", "['optimizer']")) and array.dtype.kind == "f":
            largest = float(np.max(np.abs(array), initial=0.0))
            if not largest <= LARGEST:  # also catches NaN
                raise RunError(f"damaged checkpoint {str(path)!r}: {name} holds {largest:.3g}")

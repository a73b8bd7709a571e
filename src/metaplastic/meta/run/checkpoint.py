"""Checkpoints: the full state of a run, to go on from to the bit. safetensors, never pickle.

Arrays by their paths in the tree. Metadata, all strings: `format`, `version`, `header` (JSON) and,
from version 2 on, `sha256` over everything else, as rule files have. Older versions are read.
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
VERSION = 3  # up to 2 a task's inner steps were counted in its rule's state
SIZE_LIMIT = 1 << 36  # bytes
LARGEST = 1e9  # no rule has use for a larger meta-parameter

_OF_LAYER = re.compile(r"\['phi'\]\.(weights|biases|backward)\[(\d+)\]")
_PARTS = {"weights": "weight", "biases": "bias", "backward": "backward"}

Tree = TypeVar("Tree", bound=PyTree)


class Header(BaseModel):
    """What a checkpoint holds besides the arrays."""

    model_config = ConfigDict(frozen=True, strict=True)

    meta_step: int = Field(ge=0, lt=1 << 40, description="meta-steps done")
    seconds: float = Field(ge=0, allow_inf_nan=False, description="they took")
    validation: dict[str, float] = Field(description="newest accuracies by inner step")


def _named_leaves(tree: PyTree) -> dict[str, Any]:
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in paths}


def save_checkpoint(path: Path, tree: PyTree, header: Header) -> None:
    """Write every array of `tree`, and the header, to one file, all or nothing.

    Raises `RunError` where the disk refuses; what was there before is then still whole.
    """
    arrays = {name: np.asarray(leaf) for name, leaf in _named_leaves(tree).items()}
    text = json.dumps(header.model_dump())
    metadata = {"format": FORMAT, "version": str(VERSION), "header": text}
    container.write(path, arrays, metadata, RunError)


def load_checkpoint(path: Path, like: Tree) -> tuple[Tree, Header]:
    """The tree and header saved at `path`; `like` gives the structure, shapes and dtypes.

    Raises `RunError` where the file is damaged, holds something of another shape, or a θ (the
    entries "rule" and "optimizer" of the tree) that is not finite or absurdly large.
    """
    arrays, metadata = _read(path)
    arrays = _renamed(arrays) if metadata["version"] in ("1", "2") else arrays
    try:
        header = Header.model_validate_json(metadata.get("header", ""))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "header"
        raise RunError(f"damaged checkpoint {str(path)!r}: {where}: {first['msg']}") from None
    wanted = _named_leaves(like)
    if arrays.keys() != wanted.keys():
        odd = files.show(sorted(arrays.keys() ^ wanted.keys())[:3])
        raise RunError(f"{str(path)!r} does not fit this configuration: differs in {odd}")
    leaves = []
    for name, leaf in wanted.items():
        array = arrays[name]
        if array.shape != np.shape(leaf) or array.dtype != np.asarray(leaf).dtype:
            raise RunError(
                f"{str(path)!r} does not fit this configuration: {name} is {array.dtype}"
                f"{array.shape}, wanted {np.asarray(leaf).dtype}{np.shape(leaf)}"
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
                # written before there was a digest
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return container.Contents(arrays, metadata)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"damaged checkpoint {str(path)!r}: {files.show(error)}") from None
    if version not in ("2", str(VERSION)):
        raise RunError(
            f"{str(path)!r} is of version {files.show(version)!r}; this version of metaplastic "
            f"reads up to {VERSION}: it is damaged, or needs a newer metaplastic"
        )
    content = files.read_bytes(path, RunError, limit=SIZE_LIMIT)
    return container.parse(content, str(path), RunError)


def _renamed(arrays: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """The arrays of a checkpoint of version 1 or 2 by today's names."""

    def today(name: str) -> str:
        name = name.replace("['rule_state'].age", "['age']")
        return _OF_LAYER.sub(lambda m: f"['phi'].layers[{m[2]}].{_PARTS[m[1]]}", name)

    return {today(name): array for name, array in arrays.items()}


def _check_theta(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    for name, array in arrays.items():
        if name.startswith(("['rule']", "['optimizer']")) and array.dtype.kind == "f":
            largest = float(np.max(np.abs(array), initial=0.0))
            if not largest <= LARGEST:  # nor where it is NaN
                raise RunError(f"damaged checkpoint {str(path)!r}: {name} holds {largest:.3g}")

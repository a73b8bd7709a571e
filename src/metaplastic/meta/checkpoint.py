"""Checkpoints: the full state of a run, to go on from to the bit. safetensors, never pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import PyTree
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from metaplastic.errors import RunError

FORMAT = "metaplastic-checkpoint"
VERSION = 1

Tree = TypeVar("Tree", bound=PyTree)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary name beside `path`, flush it to disk, and rename.

    Whoever reads `path`, at whatever instant the writer dies, finds the old content or the new.
    Raises `RunError` where the disk refuses; the old content is then still whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"cannot write {str(path)!r}: {error.strerror or error}; what was saved before is whole"
        ) from None
    _sync_directory(path.parent)


def _sync_directory(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # not every system lets a directory be opened
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _named_leaves(tree: PyTree) -> dict[str, Any]:
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in paths}


def save_checkpoint(path: Path, tree: PyTree, header: dict[str, Any]) -> None:
    """Write every array of `tree`, and a JSON-able `header`, to one file, atomically."""
    arrays = {n: np.asarray(a, order="C") for n, a in _named_leaves(tree).items()}
    metadata = {"format": FORMAT, "version": str(VERSION), "header": json.dumps(header)}
    write_atomically(path, save(arrays, metadata=metadata))


def load_checkpoint(path: Path, like: Tree) -> tuple[Tree, dict[str, Any]]:
    """The tree and header saved at `path`; `like` gives the structure, shapes and dtypes.

    Raises `RunError` where the file is damaged, or holds something of another shape.
    """
    wanted = _named_leaves(like)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise RunError(f"{str(path)!r} is not a checkpoint of a meta-training run")
            if int(metadata["version"]) > VERSION:
                raise RunError(
                    f"{str(path)!r} is of a newer version of metaplastic; upgrade to read it"
                )
            header = json.loads(metadata["header"])
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise RunError(f"cannot read the checkpoint {str(path)!r}: {error}") from None
    if found.keys() != wanted.keys():
        odd = sorted(found.keys() ^ wanted.keys())[:3]
        raise RunError(f"{str(path)!r} does not fit this configuration: differs in {odd}")
    leaves = []
    for name, leaf in wanted.items():
        array = found[name]
        if array.shape != np.shape(leaf) or array.dtype != np.asarray(leaf).dtype:
            raise RunError(
                f"{str(path)!r} does not fit this configuration: {name} is {array.dtype}"
                f"{array.shape}, wanted {np.asarray(leaf).dtype}{np.shape(leaf)}"
            )
        leaves.append(jax.numpy.asarray(array))
    return jax.tree.unflatten(jax.tree.structure(like), leaves), header

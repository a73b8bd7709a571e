"""Write a fitted encoder to a safetensors file and read it back. No pickle.

`file_format` describes the contents.
"""

from __future__ import annotations

import os
import warnings
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metaplastic.base_model import Statistics, perceptron
from metaplastic.encoder import name_arrays
from metaplastic.encoder.file_format import (
    AGE,
    FORMAT,
    FORMAT_VERSION,
    NAMES,
    PARTS,
    SIZE_LIMIT,
    Arrays,
    Facts,
    names_of,
    version_of,
)
from metaplastic.encoder.inner_loop import LAST
from metaplastic.encoder.parameters import plain
from metaplastic.encoder.unpacking import E, unpack
from metaplastic.errors import ModelFileError
from metaplastic.hub import container
from metaplastic.hub.pytrees import arrays_of
from metaplastic.hub.rule_file import rule_metadata
from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.encoder.estimator import PlasticEncoder


def save_encoder(encoder: PlasticEncoder, path: str | PathLike[str]) -> None:
    """Write a fitted encoder, all or nothing.

    A `random_state` that is not an integer is saved as None, a `model` in its JSON form. Rows
    waiting in `partial_fit` for a full minibatch are left out, with a warning. Raises
    scikit-learn's NotFittedError, and `ModelFileError` if the file cannot be written.
    """
    container.write(Path(fspath(path)), *pack(encoder), ModelFileError)


def pack(encoder: PlasticEncoder) -> tuple[Arrays, dict[str, str]]:
    """Return a fitted encoder as named arrays and metadata."""
    check_is_fitted(encoder, "network_")
    if encoder.n_rows_waiting_:
        warnings.warn(
            f"{encoder.n_rows_waiting_} rows given to partial_fit wait for a full minibatch of "
            "batch_size rows; they are not saved",
            stacklevel=4,
        )
    parameters, rule_given = described(encoder)
    network, moments = encoder.network_, encoder._moments
    is_perceptron = network.spec == perceptron(network.sizes, str(encoder.activation))
    neighbourhood = encoder._neighbourhood
    # parameters and facts at their defaults are left out, so that older versions read the file
    version, left_out = 2, {"model"} if is_perceptron else set()
    if encoder.model is not None or not is_perceptron:
        version = 3
    else:
        del parameters["model"]
    if neighbourhood is not None:
        version = 4
    else:
        left_out |= {"neighbours"}
        del parameters["neighbours"]
    names, names_array = name_arrays.pack(getattr(encoder, "feature_names_in_", None), NAMES)
    if names_array:
        version = 5
    facts = Facts(
        parameters=parameters,
        rule_given=rule_given,
        sizes=network.sizes,
        model=None if is_perceptron else plain(network.spec),
        scale=encoder.scale_,  # pyright: ignore[reportArgumentType]
        moments=moments.count,
        n_seen=encoder._n_seen,
        n_iter=encoder.n_iter_,
        horizon=encoder._horizon,
        neighbours=0 if neighbourhood is None else neighbourhood.averaging.k,
        feature_names=names,
    )
    arrays: Arrays = {
        "score_curve": encoder.score_curve_,
        **{f"scale.{part}": getattr(network.scale, part) for part in PARTS},
        **{f"moments.{part}": getattr(moments, part) for part in PARTS},
    }
    arrays = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    for prefix, tree in _trees(encoder).items():
        arrays |= {f"{prefix}.{name}": array for name, array in arrays_of(tree).items()}
    if neighbourhood is not None:
        from metaplastic.encoder import neighbourhood_files

        arrays |= neighbourhood_files.pack(neighbourhood)
    arrays |= names_array
    arrays[AGE] = np.asarray(min(encoder.n_iter_, LAST), np.int32)
    metadata = {
        "format": FORMAT,
        "format_version": str(version),
        **rule_metadata(encoder.rule_),
        "encoder": facts.model_dump_json(exclude=left_out),
    }
    return arrays, metadata


def described(encoder: PlasticEncoder) -> tuple[dict[str, Any], str | None]:
    """Return an encoder's parameters but its rule in JSON form, and the name or path of its rule,
    None for an object. A `random_state` that is not an integer becomes None."""
    parameters = encoder.get_params(deep=False)
    rule, seed = parameters.pop("rule"), parameters.pop("random_state")
    parameters["random_state"] = seed if isinstance(seed, Integral) else None
    plain_parameters = {name: plain(value) for name, value in parameters.items()}
    return plain_parameters, None if isinstance(rule, Rule) else str(fspath(rule))


def _trees(encoder: PlasticEncoder) -> dict[str, Any]:
    statistics = encoder.network_.statistics
    return {
        "phi": names_of(encoder.phi_),
        "rule": encoder.rule_,
        "state": encoder.rule_state_,
        "mean": [s.mean for s in statistics],
        "variance": [s.variance for s in statistics],
    } | {
        f"activity.{part}": [getattr(s, part) for s in encoder.network_.activity or ()]
        for part in Statistics._fields
    }


def load_encoder(path: str | PathLike[str], kind: type[E]) -> E:
    """Load a fitted encoder; its features are bit-identical to those of the saved one.

    JAX runs nothing. Raises `ModelFileError` on a file that is missing, unreadable, damaged,
    written by a newer version, or of another kind.
    """
    contents, where = read(path)
    return unpack(contents, where, kind, version_of(contents, where, FORMAT, FORMAT_VERSION))


def read(path: str | PathLike[str]) -> tuple[container.Contents, str]:
    """Return the contents of a file, and its path for messages. Raises `ModelFileError`."""
    try:
        where = os.fsdecode(path)
    except TypeError:
        raise ModelFileError(f"{path!r} is not a file path") from None
    return container.read(Path(where), SIZE_LIMIT, ModelFileError), where

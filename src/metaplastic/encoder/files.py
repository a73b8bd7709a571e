"""A fitted encoder as a safetensors file: φ, rule, state, statistics, parameters. No pickle.

Arrays: `phi.*`, `rule.*`, `state.*`, `mean.l`, `variance.l` (of batch norm), `activity.mean.l`,
`activity.variance.l` (of the blocks read), `scale.*`, `moments.*`, `score_curve`. Metadata, all
strings: `format`, `format_version`, what a rule file says of its rule, and `encoder` (JSON). Rows
of data are never in it.
"""

from __future__ import annotations

import os
import warnings
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sklearn.utils.validation import check_is_fitted

from metaplastic.base_model import Phi, Statistics, initialise, perceptron
from metaplastic.encoder.inner_loop import LAST
from metaplastic.encoder.moments import Moments
from metaplastic.encoder.network import network_of
from metaplastic.encoder.parameters import (
    BATCH_SIZE,
    INNER_STEPS,
    Horizon,
    described,
    layer_sizes,
    plain,
)
from metaplastic.encoder.reading import layers_read
from metaplastic.encoder.scale import LIMIT, InputScale
from metaplastic.errors import ModelFileError, RuleFileError
from metaplastic.hub import container
from metaplastic.hub.pytrees import arrays_of, fill
from metaplastic.hub.rule_file import build_rule, rule_metadata
from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.encoder.estimator import PlasticEncoder

FORMAT = "metaplastic-encoder"
# version 1 had one scale for all inputs, and read the last layer alone; version 2 knew perceptrons
# alone, which are still written as it
FORMAT_VERSION = 3
SIZE_LIMIT = 16 * 2**30
AGE = "state.age"

E = TypeVar("E", bound="PlasticEncoder")
Arrays = dict[str, NDArray[np.generic]]
_PARTS = ("mean", "std")

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Spread = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Size = Annotated[int, Field(ge=1, lt=2**31)]


class _Facts(BaseModel):
    """What a fitted encoder is besides its arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Any]
    rule_given: str | None  # None: the rule was an object
    sizes: tuple[_Size, ...]
    model: dict[str, Any] | None = None  # None: a perceptron of `sizes`
    scale: Literal["columns", "global"] | tuple[_Number, _Positive]  # numbers: version 1
    moments: _Count | tuple[_Count, _Number, _Spread]  # the count; three numbers: version 1
    n_seen: _Count
    n_iter: _Count
    feature_names: list[str] | None
    horizon: tuple[_Count, _Count] = (INNER_STEPS, BATCH_SIZE)

    @model_validator(mode="after")
    def _one_name_per_input(self) -> _Facts:
        if self.feature_names is not None and len(self.feature_names) != self.sizes[0]:
            raise ValueError("as many feature names as inputs are needed")
        return self


def save_encoder(encoder: PlasticEncoder, path: str | PathLike[str]) -> None:
    """Write a fitted encoder, all or nothing.

    A `random_state` that is not an integer is kept as None, a `model` as its table. Rows that wait
    in `partial_fit` for their minibatch are left out, with a warning. Raises scikit-learn's
    NotFittedError, and `ModelFileError` where the file cannot be written.
    """
    container.write(Path(fspath(path)), *pack(encoder), ModelFileError)


def pack(encoder: PlasticEncoder) -> tuple[Arrays, dict[str, str]]:
    """A fitted encoder as named arrays and metadata."""
    check_is_fitted(encoder, "network_")
    if encoder.n_rows_waiting_:
        warnings.warn(
            f"{encoder.n_rows_waiting_} rows given to partial_fit wait for their minibatch of "
            "batch_size rows; the file does not hold them",
            stacklevel=4,
        )
    parameters = encoder.get_params(deep=False)
    rule = parameters.pop("rule")
    seed = parameters.pop("random_state")
    network, moments = encoder.network_, encoder._moments
    is_perceptron = network.spec == perceptron(network.sizes, str(encoder.activation))
    newer = encoder.model is not None or not is_perceptron
    if not newer:
        del parameters["model"]  # versions that do not know it can read the file
    parameters["random_state"] = seed if isinstance(seed, Integral) else None
    names = getattr(encoder, "feature_names_in_", None)
    facts = _Facts(
        parameters={name: plain(value) for name, value in parameters.items()},
        rule_given=None if isinstance(rule, Rule) else str(fspath(rule)),
        sizes=network.sizes,
        model=None if is_perceptron else plain(network.spec),
        scale=encoder.scale_,  # pyright: ignore[reportArgumentType]
        moments=moments.count,
        n_seen=encoder._n_seen,
        n_iter=encoder.n_iter_,
        horizon=encoder._horizon,
        feature_names=None if names is None else [*map(str, names)],
    )
    arrays: Arrays = {
        "score_curve": encoder.score_curve_,
        **{f"scale.{part}": getattr(network.scale, part) for part in _PARTS},
        **{f"moments.{part}": getattr(moments, part) for part in _PARTS},
    }
    arrays = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    for prefix, tree in _trees(encoder).items():
        arrays |= {f"{prefix}.{name}": array for name, array in arrays_of(tree).items()}
    arrays[AGE] = np.asarray(min(encoder.n_iter_, LAST), np.int32)
    metadata = {
        "format": FORMAT,
        "format_version": "3" if newer else "2",
        **rule_metadata(encoder.rule_),
        "encoder": facts.model_dump_json(exclude={"model"} if is_perceptron else None),
    }
    return arrays, metadata


def _trees(encoder: PlasticEncoder) -> dict[str, Any]:
    statistics = encoder.network_.statistics
    return {
        "phi": _names_of(encoder.phi_),
        "rule": encoder.rule_,
        "state": encoder.rule_state_,
        "mean": [s.mean for s in statistics],
        "variance": [s.variance for s in statistics],
    } | {
        f"activity.{part}": [getattr(s, part) for s in encoder.network_.activity or ()]
        for part in Statistics._fields
    }


def _names_of(phi: Phi) -> dict[str, Any]:
    """φ's arrays as files name them: weights.0, biases.0, backward.0 and so on."""
    return {"weights": phi.weights, "biases": phi.biases, "backward": phi.backward}


def load_encoder(path: str | PathLike[str], kind: type[E]) -> E:
    """The fitted encoder of a file; its features are those of the one saved, to the bit.

    Nothing is run by JAX. Raises `ModelFileError` on a file that is missing, that cannot be read,
    that is damaged, written by a newer version, or of another kind.
    """
    contents, where = read(path)
    return unpack(contents, where, kind, version_of(contents, where, FORMAT, FORMAT_VERSION))


def read(path: str | PathLike[str]) -> tuple[container.Contents, str]:
    """What a file holds, and its path for messages. Raises `ModelFileError`."""
    try:
        where = os.fsdecode(path)
    except TypeError:
        raise ModelFileError(f"{path!r} is not the path of a file") from None
    return container.read(Path(where), SIZE_LIMIT, ModelFileError), where


def unpack(contents: container.Contents, where: str, kind: type[E], version: int) -> E:
    """The encoder that `pack` gave these arrays and metadata of. Raises `ModelFileError`."""
    try:
        facts = _Facts.model_validate_json(contents.metadata.get("encoder", ""))
        encoder, phi = _unfitted(kind, facts, contents.arrays, version)
    # whatever scikit-learn and JAX raise on parameters and sizes that make no sense
    except Exception as problem:
        line = " ".join(str(problem).split())[:200]
        raise ModelFileError(f"{where}: its description cannot be read ({line})") from None
    curve = contents.arrays.get("score_curve", np.empty(0))
    if curve.shape[1:] != (2,) or not np.isfinite(curve).all():
        raise ModelFileError(f"{where}: its score_curve is missing or not numbers of shape (n, 2)")
    try:
        rule = build_rule(_part(contents.arrays, "rule"), contents.metadata, where, np.array)
    except RuleFileError as problem:
        raise ModelFileError(str(problem)) from None
    with jax.enable_x64(False):
        skeletons = {
            "phi": _names_of(phi),
            "state": eqx.filter_eval_shape(rule.init, phi),
            "mean": [*phi.biases],
            "variance": [*phi.biases],
        }
        read = [jax.ShapeDtypeStruct((width,), np.float32) for width in facts.sizes]
        has_activity = any(name.startswith("activity.") for name in contents.arrays)
        for part in Statistics._fields:
            skeletons[f"activity.{part}"] = read if has_activity else []
    arrays = dict(contents.arrays)
    # written for versions in which rules counted the inner steps; `n_iter` says them too
    age = {name: arrays.pop(name) for name in [AGE] if name in arrays}
    fill({AGE: jax.ShapeDtypeStruct((), np.int32)}, age, where, ModelFileError, np.array)
    parts = {
        prefix: fill(skeleton, _part(arrays, prefix), where, ModelFileError, np.array)
        for prefix, skeleton in skeletons.items()
    }
    if any((v < 0).any() for v in (*parts["variance"], *parts["activity.variance"])):
        raise ModelFileError(f"{where}: holds variances below 0")
    statistics = [*map(Statistics, parts["mean"], parts["variance"])]
    activity = [*map(Statistics, parts["activity.mean"], parts["activity.variance"])]
    scale, moments = _scale(facts, contents.arrays, where), _moments(facts, contents.arrays, where)
    encoder.rule = encoder._rule_given = rule if facts.rule_given is None else facts.rule_given
    encoder.rule_, encoder.rule_state_ = rule, parts["state"]
    encoder.phi_ = phi.replaced(**parts["phi"])
    encoder.network_ = network_of(encoder.phi_, statistics, scale, activity or None)
    encoder.scale_ = facts.scale if isinstance(facts.scale, str) else "global"
    encoder.score_curve_ = curve.astype(np.float64)
    encoder._moments, encoder._n_seen = moments, facts.n_seen
    encoder._waiting, encoder._horizon = None, Horizon(*facts.horizon)
    encoder.n_iter_, encoder.n_features_in_ = facts.n_iter, facts.sizes[0]
    if facts.feature_names is not None:
        encoder.feature_names_in_ = np.array(facts.feature_names, object)
    return encoder


def version_of(contents: container.Contents, where: str, form: str, newest: int) -> int:
    """The version of a file of that format. Raises `ModelFileError` on others."""
    given = contents.metadata.get("format"), contents.metadata.get("format_version")
    for version in range(1, newest + 1):
        if given == (form, str(version)):
            return version
    hints = {FORMAT: "PlasticEncoder.load", "metaplastic-classifier": "PlasticClassifier.load"}
    hint = f"; {hints[given[0]]} reads it" if given[0] in hints and given[0] != form else ""
    raise ModelFileError(
        f"{where}: format {container.shown(given[0])}, version {container.shown(given[1])}; this "
        f"reads {form!r}, versions 1 to {newest}{hint}"
    )


def _unfitted(kind: type[E], facts: _Facts, arrays: Arrays, version: int) -> tuple[E, Phi]:
    """An encoder with the parameters of a file, and the shapes of its φ."""
    before = {"layers": "last", "scale": "global"} if version == 1 else {}
    encoder = kind(**before, **facts.parameters)
    for name in ("hidden_layer_sizes", "layers"):
        if isinstance(given := getattr(encoder, name), list):
            setattr(encoder, name, tuple(given))
    encoder._validate_params()
    layer_sizes(1, encoder.hidden_layer_sizes, encoder.n_components)
    layers_read(encoder.layers, len(facts.sizes) - 1)
    if encoder.model is not None:
        described(encoder.model)
    spec = perceptron(facts.sizes, encoder.activation)
    if facts.model is not None:
        spec = described(facts.model)
        if spec.widths != facts.sizes:
            raise ModelFileError(f"sizes {facts.sizes} are not those of its model, {spec.widths}")
    backward = any(name.startswith("phi.backward.") for name in arrays)
    with jax.enable_x64(False):
        phi = eqx.filter_eval_shape(lambda: initialise(jax.random.key(0), spec, backward=backward))
    return encoder, phi


def _scale(facts: _Facts, arrays: Arrays, where: str) -> InputScale:
    if isinstance(facts.scale, tuple):
        return InputScale(*facts.scale)
    d = facts.sizes[0] if facts.scale == "columns" else None
    mean, std = _numbers("scale", arrays, d, where)
    if np.any(std == 0):
        raise ModelFileError(f"{where}: holds a standard deviation of 0 to divide by")
    if d is None:
        return InputScale(float(mean), float(std))
    return InputScale(mean, std, LIMIT)


def _moments(facts: _Facts, arrays: Arrays, where: str) -> Moments:
    if isinstance(facts.moments, tuple):  # its third number is a sum of squared deviations
        count, mean, squares = facts.moments
        return Moments(count, mean, (squares / max(1, count)) ** 0.5)
    whole = arrays.get("moments.mean", np.empty(1)).ndim == 0  # of an encoder of version 1
    d = None if whole else facts.sizes[0]
    return Moments(facts.moments, *_numbers("moments", arrays, d, where))


def _numbers(
    name: str, arrays: Arrays, d: int | None, where: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and the standard deviation of that name: float64 (d,), or one number each."""
    shape = () if d is None else (d,)
    found = [arrays.get(f"{name}.{part}", np.empty(0)) for part in _PARTS]
    for part, array in zip(_PARTS, found, strict=True):
        if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ModelFileError(f"{where}: {name}.{part} is not numbers of shape {shape}")
    mean, std = (np.array(array, np.float64) for array in found)
    if np.any(std < 0):
        raise ModelFileError(f"{where}: {name}.std is below 0")
    return mean, std


def _part(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose name begins with a prefix, without it."""
    start = prefix + "."
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }

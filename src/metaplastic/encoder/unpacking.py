"""Rebuild a fitted encoder from the arrays and metadata of its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from metaplastic.base_model import Phi, Statistics, initialise, perceptron
from metaplastic.encoder import name_arrays
from metaplastic.encoder.file_format import AGE, NAMES, PARTS, Arrays, Facts, names_of
from metaplastic.encoder.moments import Moments
from metaplastic.encoder.network import network_of
from metaplastic.encoder.parameters import Horizon, as_spec, layer_sizes
from metaplastic.encoder.reading import layers_read
from metaplastic.encoder.scale import LIMIT, InputScale
from metaplastic.errors import ModelFileError, RuleFileError
from metaplastic.hub import container
from metaplastic.hub.pytrees import fill
from metaplastic.hub.rule_file import build_rule

if TYPE_CHECKING:
    from metaplastic.encoder.estimator import PlasticEncoder

E = TypeVar("E", bound="PlasticEncoder")


def unpack(contents: container.Contents, where: str, kind: type[E], version: int) -> E:
    """Return the encoder from which `pack` made these contents. Raises `ModelFileError`."""
    try:
        facts = Facts.model_validate_json(contents.metadata.get("encoder", ""))
        encoder, phi = _unfitted(kind, facts, contents.arrays, version)
    # scikit-learn and JAX may raise anything on invalid parameters and sizes
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"{where}: its description cannot be read ({reason})") from None
    curve = contents.arrays.get("score_curve", np.empty(0))
    if curve.shape[1:] != (2,) or not np.isfinite(curve).all():
        raise ModelFileError(f"{where}: its score_curve is missing or not numbers of shape (n, 2)")
    try:
        rule = build_rule(_part(contents.arrays, "rule"), contents.metadata, where, np.array)
    except RuleFileError as error:
        raise ModelFileError(str(error)) from None
    with jax.enable_x64(False):
        skeletons = {
            "phi": names_of(phi),
            "state": eqx.filter_eval_shape(rule.init, phi),
            "mean": [*phi.biases],
            "variance": [*phi.biases],
        }
        activity_shapes = [jax.ShapeDtypeStruct((width,), np.float32) for width in facts.sizes]
        has_activity = any(name.startswith("activity.") for name in contents.arrays)
        for part in Statistics._fields:
            skeletons[f"activity.{part}"] = activity_shapes if has_activity else []
    arrays = dict(contents.arrays)
    # only older versions, in which rules counted the inner steps, use it; here `n_iter` does
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
    if facts.neighbours:
        from metaplastic.encoder import neighbourhood_files

        encoder._neighbourhood = neighbourhood_files.unpack(
            contents.arrays, facts.neighbours, encoder.network_, where
        )
    encoder.scale_ = facts.scale if isinstance(facts.scale, str) else "global"
    encoder.score_curve_ = curve.astype(np.float64)
    encoder._moments, encoder._n_seen = moments, facts.n_seen
    encoder._waiting, encoder._horizon = None, Horizon(*facts.horizon)
    encoder.n_iter_, encoder.n_features_in_ = facts.n_iter, facts.sizes[0]
    names = name_arrays.unpack(facts.feature_names, contents.arrays, NAMES, facts.sizes[0], where)
    if names is not None:
        encoder.feature_names_in_ = np.array(names, object)
    return encoder


def _unfitted(kind: type[E], facts: Facts, arrays: Arrays, version: int) -> tuple[E, Phi]:
    """Return an encoder with the parameters of a file, and the shapes of its φ."""
    old_defaults = {"layers": "last", "scale": "global"} if version == 1 else {}
    encoder = with_parameters(kind, {**old_defaults, **facts.parameters})
    layers_read(encoder.layers, len(facts.sizes) - 1)
    spec = perceptron(facts.sizes, encoder.activation)
    if facts.model is not None:
        spec = as_spec(facts.model)
        if spec.widths != facts.sizes:
            raise ModelFileError(
                f"sizes {facts.sizes} do not match those of its model, {spec.widths}"
            )
    backward = any(name.startswith("phi.backward.") for name in arrays)
    with jax.enable_x64(False):
        phi = eqx.filter_eval_shape(lambda: initialise(jax.random.key(0), spec, backward=backward))
    return encoder, phi


def with_parameters(kind: type[E], parameters: Mapping[str, Any]) -> E:
    """Return an unfitted encoder with parameters in the form of a file. Raises anything if they are
    invalid."""
    encoder = kind(**parameters)
    for name in ("hidden_layer_sizes", "layers"):
        if isinstance(value := getattr(encoder, name), list):
            setattr(encoder, name, tuple(value))
    encoder._validate_params()
    layer_sizes(1, encoder.hidden_layer_sizes, encoder.n_components)
    if encoder.model is not None:
        as_spec(encoder.model)
    return encoder


def _scale(facts: Facts, arrays: Arrays, where: str) -> InputScale:
    if isinstance(facts.scale, tuple):
        return InputScale(*facts.scale)
    d = facts.sizes[0] if facts.scale == "columns" else None
    mean, std = _numbers("scale", arrays, d, where)
    if np.any(std == 0):
        raise ModelFileError(f"{where}: holds a standard deviation of 0")
    if d is None:
        return InputScale(float(mean), float(std))
    return InputScale(mean, std, LIMIT)


def _moments(facts: Facts, arrays: Arrays, where: str) -> Moments:
    if isinstance(facts.moments, tuple):  # its third number is a sum of squared deviations
        count, mean, squares = facts.moments
        return Moments(count, mean, (squares / max(1, count)) ** 0.5)
    whole = arrays.get("moments.mean", np.empty(1)).ndim == 0  # of an encoder of version 1
    d = None if whole else facts.sizes[0]
    return Moments(facts.moments, *_numbers("moments", arrays, d, where))


def _numbers(
    name: str, arrays: Arrays, d: int | None, where: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and standard deviation under `name`: float64 (d,), or one number each."""
    shape = () if d is None else (d,)
    parts = [arrays.get(f"{name}.{part}", np.empty(0)) for part in PARTS]
    for part, array in zip(PARTS, parts, strict=True):
        if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ModelFileError(f"{where}: {name}.{part} is not numbers of shape {shape}")
    mean, std = (np.array(array, np.float64) for array in parts)
    if np.any(std < 0):
        raise ModelFileError(f"{where}: {name}.std is below 0")
    return mean, std


def _part(arrays: Arrays, prefix: str) -> Arrays:
    """Return the arrays whose names begin with a prefix, keyed without it."""
    start = prefix + "."
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }

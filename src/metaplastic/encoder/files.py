"""A fitted encoder as a safetensors file: φ, rule, state, statistics, parameters. No pickle.

Arrays: `phi.*`, `rule.*`, `state.*`, `mean.l`, `variance.l`, `score_curve`. Metadata, all strings:
`format`, `format_version`, what a rule file says of its rule, and `encoder` (JSON). Rows of data
are never in it.
"""

from __future__ import annotations

import os
import warnings
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sklearn.utils.validation import check_is_fitted

from metaplastic.base_model import Phi, Statistics, initialise
from metaplastic.data.views import Scale
from metaplastic.encoder.inner_loop import layer_sizes
from metaplastic.encoder.moments import Moments
from metaplastic.encoder.network import network_of
from metaplastic.errors import ModelFileError, RuleFileError
from metaplastic.hub import container
from metaplastic.hub.pytrees import arrays_of, fill
from metaplastic.hub.rule_file import build_rule, rule_metadata
from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.encoder.estimator import PlasticEncoder

FORMAT = "metaplastic-encoder"
FORMAT_VERSION = 2  # in version 1, the third of `moments` was the sum of squared deviations
SIZE_LIMIT = 16 * 2**30

E = TypeVar("E", bound="PlasticEncoder")
Arrays = dict[str, NDArray[np.generic]]

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
    scale: tuple[_Number, _Positive]
    moments: tuple[_Count, _Number, _Spread]
    n_seen: _Count
    n_iter: _Count
    feature_names: list[str] | None

    @model_validator(mode="after")
    def _one_name_per_input(self) -> _Facts:
        if self.feature_names is not None and len(self.feature_names) != self.sizes[0]:
            raise ValueError("as many feature names as inputs are needed")
        return self


def save_encoder(encoder: PlasticEncoder, path: str | PathLike[str]) -> None:
    """Write a fitted encoder, all or nothing.

    A `random_state` that is not an integer is kept as None. Rows that wait in `partial_fit` for
    their minibatch are left out, with a warning. Raises scikit-learn's NotFittedError, and
    `ModelFileError` where the file cannot be written.
    """
    check_is_fitted(encoder, "network_")
    if encoder.n_rows_waiting_:
        warnings.warn(
            f"{encoder.n_rows_waiting_} rows given to partial_fit wait for their minibatch of "
            "batch_size rows; the file does not hold them",
            stacklevel=3,
        )
    parameters = encoder.get_params(deep=False)
    rule = parameters.pop("rule")
    seed = parameters.pop("random_state")
    parameters["random_state"] = seed if isinstance(seed, Integral) else None
    network, moments = encoder.network_, encoder._moments
    names = getattr(encoder, "feature_names_in_", None)
    facts = _Facts(
        parameters={name: _plain(value) for name, value in parameters.items()},
        rule_given=None if isinstance(rule, Rule) else str(fspath(rule)),
        sizes=network.sizes,
        scale=(network.scale.mean, network.scale.std),
        moments=(moments.count, moments.mean, moments.std),
        n_seen=encoder._n_seen,
        n_iter=encoder.n_iter_,
        feature_names=None if names is None else [*map(str, names)],
    )
    arrays: Arrays = {"score_curve": encoder.score_curve_}
    for prefix, tree in _trees(encoder).items():
        arrays |= {f"{prefix}.{name}": array for name, array in arrays_of(tree).items()}
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        **rule_metadata(encoder.rule_),
        "encoder": facts.model_dump_json(),
    }
    container.write(Path(fspath(path)), arrays, metadata, ModelFileError)


def _plain(value: Any) -> Any:
    """A parameter as JSON holds it: NumPy's scalars and arrays become Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Integral):
        return value if isinstance(value, bool) else int(value)
    if isinstance(value, (str, float)) or value is None:
        return value
    return [_plain(item) for item in value]


def _trees(encoder: PlasticEncoder) -> dict[str, Any]:
    statistics = encoder.network_.statistics
    return {
        "phi": encoder.phi_,
        "rule": encoder.rule_,
        "state": encoder.rule_state_,
        "mean": [s.mean for s in statistics],
        "variance": [s.variance for s in statistics],
    }


def load_encoder(path: str | PathLike[str], kind: type[E]) -> E:
    """The fitted encoder of a file; its features are those of the one saved, to the bit.

    Nothing is run by JAX. Raises `ModelFileError` on a file that is missing, that cannot be read,
    that is damaged, written by a newer version, or of another kind.
    """
    try:
        where = os.fsdecode(path)
    except TypeError:
        raise ModelFileError(f"{path!r} is not the path of a file") from None
    contents = container.read(Path(where), SIZE_LIMIT, ModelFileError)
    version = _version(contents.metadata, where)
    try:
        facts = _Facts.model_validate_json(contents.metadata.get("encoder", ""))
        encoder, phi = _unfitted(kind, facts, contents.arrays)
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
            "phi": phi,
            "state": eqx.filter_eval_shape(rule.init, phi),
            "mean": [*phi.biases],
            "variance": [*phi.biases],
        }
    parts = {
        prefix: fill(skeleton, _part(contents.arrays, prefix), where, ModelFileError, np.array)
        for prefix, skeleton in skeletons.items()
    }
    if any((variance < 0).any() for variance in parts["variance"]):
        raise ModelFileError(f"{where}: holds variances below 0")
    statistics = [*map(Statistics, parts["mean"], parts["variance"])]
    encoder.rule = encoder._rule_given = rule if facts.rule_given is None else facts.rule_given
    encoder.rule_, encoder.phi_, encoder.rule_state_ = rule, parts["phi"], parts["state"]
    encoder.network_ = network_of(encoder.phi_, statistics, Scale(*facts.scale))
    encoder.score_curve_ = curve.astype(np.float64)
    encoder._moments, encoder._n_seen = _moments(facts, version), facts.n_seen
    encoder._waiting = None
    encoder.n_iter_, encoder.n_features_in_ = facts.n_iter, facts.sizes[0]
    if facts.feature_names is not None:
        encoder.feature_names_in_ = np.array(facts.feature_names, object)
    return encoder


def _version(metadata: dict[str, str], where: str) -> int:
    given = metadata.get("format"), metadata.get("format_version")
    for version in range(1, FORMAT_VERSION + 1):
        if given == (FORMAT, str(version)):
            return version
    raise ModelFileError(
        f"{where}: format {container.shown(given[0])}, version {container.shown(given[1])}; this "
        f"version of metaplastic reads "
        f"{FORMAT!r}, versions 1 to {FORMAT_VERSION}"
    )


def _unfitted(kind: type[E], facts: _Facts, arrays: Arrays) -> tuple[E, Phi]:
    """An encoder with the parameters of a file, and the shapes of its φ."""
    encoder = kind(**facts.parameters)
    if isinstance(hidden := encoder.hidden_layer_sizes, list):
        encoder.hidden_layer_sizes = tuple(hidden)
    encoder._validate_params()
    layer_sizes(1, encoder.hidden_layer_sizes, encoder.n_components)
    backward = any(name.startswith("phi.backward.") for name in arrays)
    with jax.enable_x64(False):
        phi = eqx.filter_eval_shape(
            lambda: initialise(
                jax.random.key(0), facts.sizes, encoder.activation, backward=backward
            )
        )
    return encoder, phi


def _moments(facts: _Facts, version: int) -> Moments:
    count, mean, spread = facts.moments
    return Moments(count, mean, (spread / max(1, count)) ** 0.5 if version == 1 else spread)


def _part(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose name begins with a prefix, without it."""
    start = prefix + "."
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }

"""A fitted encoder as a safetensors file: φ, rule, state, statistics, parameters. No pickle.

Arrays: `phi.*`, `rule.*`, `state.*`, `mean.l`, `variance.l`, `score_curve`. Metadata, all strings:
`format`, `format_version`, what a rule file says of its rule, and `encoder` (JSON).
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from sklearn.utils.validation import check_is_fitted

from metaplastic.base_model import Statistics, initialise
from metaplastic.data.views import Scale
from metaplastic.encoder.inner_loop import to_host
from metaplastic.encoder.moments import Moments
from metaplastic.encoder.network import network_of
from metaplastic.errors import ConfigError, ModelFileError
from metaplastic.hub import container
from metaplastic.hub.pytrees import arrays_of, fill
from metaplastic.hub.rule_file import build_rule, rule_metadata
from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.encoder.estimator import PlasticEncoder

FORMAT = "metaplastic-encoder"
FORMAT_VERSION = 1
SIZE_LIMIT = 16 * 2**30

E = TypeVar("E", bound="PlasticEncoder")
Arrays = dict[str, NDArray[np.generic]]


class _Facts(BaseModel):
    """What a fitted encoder is besides its arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Any]
    rule_given: str | None  # None: the rule was an object
    sizes: tuple[int, ...]
    scale: tuple[float, float]
    moments: tuple[int, float, float]
    n_seen: int
    n_iter: int
    feature_names: list[str] | None


def save_encoder(encoder: PlasticEncoder, path: str | PathLike[str]) -> None:
    """Write a fitted encoder, all or nothing.

    A `random_state` that is not an integer is kept as None. Raises scikit-learn's NotFittedError,
    and `ModelFileError` where the file cannot be written.
    """
    check_is_fitted(encoder, "network_")
    parameters = encoder.get_params(deep=False)
    rule = parameters.pop("rule")
    hidden = parameters["hidden_layer_sizes"]
    parameters["hidden_layer_sizes"] = hidden if isinstance(hidden, int) else [*map(int, hidden)]
    seed = parameters["random_state"]
    parameters["random_state"] = int(seed) if isinstance(seed, (int, np.integer)) else None
    parameters = {k: v.item() if isinstance(v, np.generic) else v for k, v in parameters.items()}
    network, moments = encoder.network_, encoder._moments
    names = getattr(encoder, "feature_names_in_", None)
    facts = _Facts(
        parameters=parameters,
        rule_given=None if isinstance(rule, Rule) else fspath(rule),
        sizes=network.sizes,
        scale=(network.scale.mean, network.scale.std),
        moments=(moments.count, moments.mean, moments.squares),
        n_seen=encoder._n_seen,
        n_iter=encoder.n_iter_,
        feature_names=None if names is None else [*map(str, names)],
    )
    arrays: Arrays = {"score_curve": encoder.score_curve_.astype(np.float32)}
    for prefix, tree in _trees(encoder).items():
        arrays |= {f"{prefix}.{name}": array for name, array in arrays_of(tree).items()}
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        **rule_metadata(encoder.rule_),
        "encoder": facts.model_dump_json(),
    }
    container.write(Path(fspath(path)), arrays, metadata, ModelFileError)


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

    Raises `ModelFileError` on a file that is missing, damaged, newer or of another kind.
    """
    where = fspath(path)
    contents = container.read(Path(where), SIZE_LIMIT, ModelFileError)
    metadata = contents.metadata
    if (metadata.get("format"), metadata.get("format_version")) != (FORMAT, str(FORMAT_VERSION)):
        raise ModelFileError(
            f"{where}: format {metadata.get('format')!r}, version "
            f"{metadata.get('format_version')!r}; this version of metaplastic reads "
            f"{FORMAT!r}, version {FORMAT_VERSION}"
        )
    try:
        facts = _Facts.model_validate_json(metadata.get("encoder", ""))
        encoder = kind().set_params(**facts.parameters)
        if isinstance(hidden := encoder.hidden_layer_sizes, list):
            encoder.hidden_layer_sizes = tuple(hidden)
        encoder._validate_params()
        backward = any(name.startswith("phi.backward.") for name in contents.arrays)
        phi = eqx.filter_eval_shape(
            lambda key: initialise(key, facts.sizes, encoder.activation, backward=backward),
            jax.random.key(0),
        )
    except (ValidationError, ValueError, ConfigError) as problem:
        line = " ".join(str(problem).split())[:200]
        raise ModelFileError(f"{where}: its description cannot be read ({line})") from None
    curve = contents.arrays.get("score_curve", np.empty(0))
    if curve.shape[1:] != (2,):
        raise ModelFileError(f"{where}: its score_curve is missing or not of shape (n, 2)")
    rule = build_rule(_part(contents.arrays, "rule"), metadata, where)
    parts = {
        prefix: to_host(fill(skeleton, _part(contents.arrays, prefix), where, ModelFileError))
        for prefix, skeleton in {
            "phi": phi,
            "state": eqx.filter_eval_shape(rule.init, phi),
            "mean": [*phi.biases],
            "variance": [*phi.biases],
        }.items()
    }
    statistics = [*map(Statistics, parts["mean"], parts["variance"])]
    encoder.rule = rule if facts.rule_given is None else facts.rule_given
    encoder.rule_, encoder.phi_, encoder.rule_state_ = rule, parts["phi"], parts["state"]
    encoder.network_ = network_of(encoder.phi_, statistics, Scale(*facts.scale))
    encoder.score_curve_ = curve.astype(np.float64)
    encoder._moments, encoder._n_seen = Moments(*facts.moments), facts.n_seen
    encoder.n_iter_, encoder.n_features_in_ = facts.n_iter, facts.sizes[0]
    if facts.feature_names is not None:
        encoder.feature_names_in_ = np.array(facts.feature_names, object)
    return encoder


def _part(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose name begins with a prefix, without it."""
    start = prefix + "."
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }

"""Common parts of the files of `PlasticClassifier` and `PlasticRegressor`. No pickle.

Arrays: those of an encoder's file, and `readout.NAME.coefficients` and `readout.NAME.intercept`,
float64; `classifier.feature_names` or `regressor.feature_names` if they are too long for the facts.
Metadata: those of an encoder's file, and the facts as JSON under `classifier` or `regressor`.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sklearn.utils.validation import check_is_fitted

from metaplastic.encoder import files, name_arrays
from metaplastic.encoder.estimator import PlasticEncoder
from metaplastic.encoder.file_format import NAMES, is_newer, version_of
from metaplastic.encoder.semi_supervised import SemiSupervised, width_read
from metaplastic.encoder.unpacking import unpack, with_parameters
from metaplastic.errors import ModelFileError
from metaplastic.hub import container

# version 2 has the parameters of the given encoder, long feature names, and classes beyond int64;
# without them files are still written in version 1
FORMAT_VERSION = 2
ENCODER_VERSIONS = ("2", "3", "4", "5")

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Template(BaseModel):
    """The encoder given, which is fitted as a clone that reads other layers, or takes no steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Any]
    rule: str | None  # None: an object; it is read as that of the fitted encoder


class Facts(BaseModel):
    """Description of a fitted estimator: everything besides its encoder and its arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    readout: str
    encoder_given: bool
    random_state: int | None
    n_labelled: Annotated[int, Field(ge=2, lt=2**63)]
    feature_names: list[str] | None
    encoder: Template | None = None  # None: `encoder_given` is false, or version 1


F = TypeVar("F", bound=Facts)
S = TypeVar("S", bound=SemiSupervised)


def shared_facts(estimator: SemiSupervised) -> dict[str, Any]:
    """Return the fields of `Facts`. A `random_state` that is not an integer is saved as None.

    Raises scikit-learn's NotFittedError.
    """
    check_is_fitted(estimator, "readouts_")
    seed, given = estimator.random_state, estimator.encoder
    names, _ = name_arrays.pack(getattr(estimator, "feature_names_in_", None), "")
    template = None
    if given is not None:
        parameters, rule = files.described(given)
        template = Template(parameters=parameters, rule=rule)
    return {
        "readout": estimator.readout,
        "encoder_given": given is not None,
        "random_state": int(seed) if isinstance(seed, (int, np.integer)) else None,
        "n_labelled": estimator.n_labelled_,
        "feature_names": names,
        "encoder": template,
    }


def write(
    estimator: SemiSupervised,
    facts: Facts,
    kind: str,
    path: str | PathLike[str],
    *,
    version: int = 1,
) -> None:
    """Write a fitted estimator, all or nothing. Raises `ModelFileError` on failure.

    kind: "classifier" or "regressor", for the names of the format and its metadata. version: the
    lowest that can hold the facts of this kind alone.
    """
    arrays, metadata = files.pack(estimator.encoder_)
    for name, readout in estimator.readouts_.items():
        arrays[f"readout.{name}.coefficients"] = np.asarray(readout.coefficients)
        arrays[f"readout.{name}.intercept"] = np.asarray(readout.intercept)
    names = getattr(estimator, "feature_names_in_", None)
    _, names_array = name_arrays.pack(names, f"{kind}.{NAMES}")
    arrays |= names_array
    if names_array or facts.encoder is not None:
        version = 2
    metadata |= {
        "format": f"metaplastic-{kind}",
        "format_version": str(version),
        "encoder_version": metadata["format_version"],
        kind: facts.model_dump_json(exclude={"encoder"} if facts.encoder is None else None),
    }
    container.write(Path(fspath(path)), arrays, metadata, ModelFileError)


class Loaded(NamedTuple, Generic[S, F]):
    """An estimator read from a file, without its readouts; the file's facts, arrays and path."""

    estimator: S
    facts: F
    contents: container.Contents
    where: str

    def linear_map(self, name: str, *outputs: int) -> tuple[NDArray, NDArray]:
        """Return the coefficients (width, *outputs) and intercept (*outputs,) of a readout.

        Raises `ModelFileError`.
        """
        width = width_read(name, self.estimator.encoder_)
        return (
            self._numbers(f"readout.{name}.coefficients", (width, *outputs)),
            self._numbers(f"readout.{name}.intercept", outputs),
        )

    def _numbers(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        array = self.contents.arrays.get(name, np.empty(0))
        # an intercept is -inf for a class without examples in the fit of this readout
        if array.shape != shape or array.dtype != np.float64 or np.isnan(array).any():
            raise ModelFileError(f"{self.where}: {name} is missing or not numbers of shape {shape}")
        return np.array(array, np.float64)


def kind_of(path: str | PathLike[str]) -> str:
    """Return the kind of estimator that a file declares: "classifier", "regressor", or something
    else. Raises `ModelFileError`."""
    contents, _ = files.read(path)
    return contents.metadata.get("format", "").removeprefix("metaplastic-")


def read(
    path: str | PathLike[str], kind: str, estimator_type: type[S], facts_type: type[F]
) -> Loaded[S, F]:
    """Read a file that `write` wrote. Raises `ModelFileError` on a file that is missing, damaged,
    newer or of another kind."""
    contents, where = files.read(path)
    version_of(contents, where, f"metaplastic-{kind}", FORMAT_VERSION)
    if (encoder_version := contents.metadata.get("encoder_version")) not in ENCODER_VERSIONS:
        newest = ENCODER_VERSIONS[-1]
        newer = is_newer(encoder_version, int(newest))
        raise ModelFileError(
            f"{where}: its encoder has version {container.shown(encoder_version)}, but this "
            f"version of metaplastic reads {ENCODER_VERSIONS[0]} to {newest}"
            + ("; upgrade metaplastic" if newer else "")
        )
    try:
        facts = facts_type.model_validate_json(contents.metadata.get(kind, ""), strict=True)
        estimator = estimator_type(readout=facts.readout, random_state=facts.random_state)
        estimator._validate_params()
    except (ValidationError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"{where}: its description cannot be read ({reason})") from None
    version = int(encoder_version)
    encoder = unpack(contents, where, PlasticEncoder, version)
    columns, array = encoder.n_features_in_, f"{kind}.{NAMES}"
    names = name_arrays.unpack(facts.feature_names, contents.arrays, array, columns, where)
    if facts.encoder is not None:
        estimator.encoder = _given(facts.encoder, encoder, where)
    elif facts.encoder_given:
        estimator.encoder = unpack(contents, where, PlasticEncoder, version)
    estimator.encoder_, estimator.n_labelled_ = encoder, facts.n_labelled
    estimator.n_features_in_ = encoder.n_features_in_
    if names is not None:
        estimator.feature_names_in_ = np.array(names, object)
    return Loaded(estimator, facts, contents, where)


def _given(template: Template, fitted: PlasticEncoder, where: str) -> PlasticEncoder:
    try:
        encoder = with_parameters(PlasticEncoder, template.parameters)
    except Exception as error:  # as in `unpack`
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"{where}: the encoder's parameters are invalid ({reason})") from None
    return encoder.set_params(rule=fitted.rule_ if template.rule is None else template.rule)

"""Common parts of the files of `PlasticClassifier` and `PlasticRegressor`. No pickle.

Arrays: those of an encoder's file, and `readout.NAME.coefficients` and `readout.NAME.intercept`,
float64. Metadata: those of an encoder's file, and the facts as JSON under `classifier` or
`regressor`.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sklearn.utils.validation import check_is_fitted

from metaplastic.encoder import files
from metaplastic.encoder.estimator import PlasticEncoder
from metaplastic.encoder.file_format import version_of
from metaplastic.encoder.semi_supervised import SemiSupervised, width_read
from metaplastic.encoder.unpacking import unpack
from metaplastic.errors import ModelFileError
from metaplastic.hub import container

FORMAT_VERSION = 1
ENCODER_VERSIONS = ("2", "3", "4")

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Facts(BaseModel):
    """Description of a fitted estimator: everything besides its encoder and its arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    readout: str
    encoder_given: bool
    random_state: int | None
    n_labelled: Annotated[int, Field(ge=2, lt=2**63)]
    feature_names: list[str] | None


F = TypeVar("F", bound=Facts)
S = TypeVar("S", bound=SemiSupervised)


def shared_facts(estimator: SemiSupervised) -> dict[str, Any]:
    """Return the fields of `Facts`. A `random_state` that is not an integer is saved as None.

    Raises scikit-learn's NotFittedError.
    """
    check_is_fitted(estimator, "readouts_")
    seed, names = estimator.random_state, getattr(estimator, "feature_names_in_", None)
    return {
        "readout": estimator.readout,
        "encoder_given": estimator.encoder is not None,
        "random_state": int(seed) if isinstance(seed, (int, np.integer)) else None,
        "n_labelled": estimator.n_labelled_,
        "feature_names": None if names is None else [*map(str, names)],
    }


def write(estimator: SemiSupervised, facts: Facts, kind: str, path: str | PathLike[str]) -> None:
    """Write a fitted estimator, all or nothing. Raises `ModelFileError` on failure.

    kind: "classifier" or "regressor", for the names of the format and its metadata.
    """
    arrays, metadata = files.pack(estimator.encoder_)
    for name, readout in estimator.readouts_.items():
        arrays[f"readout.{name}.coefficients"] = np.asarray(readout.coefficients)
        arrays[f"readout.{name}.intercept"] = np.asarray(readout.intercept)
    metadata |= {
        "format": f"metaplastic-{kind}",
        "format_version": str(FORMAT_VERSION),
        "encoder_version": metadata["format_version"],
        kind: facts.model_dump_json(),
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
        raise ModelFileError(f"{where}: the version of its encoder is not supported")
    try:
        facts = facts_type.model_validate_json(contents.metadata.get(kind, ""), strict=True)
        estimator = estimator_type(readout=facts.readout, random_state=facts.random_state)
        estimator._validate_params()
    except (ValidationError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"{where}: its description cannot be read ({reason})") from None
    version = int(encoder_version)
    encoder = unpack(contents, where, PlasticEncoder, version)
    if facts.feature_names is not None and len(facts.feature_names) != encoder.n_features_in_:
        raise ModelFileError(f"{where}: the number of feature names is not the number of inputs")
    if facts.encoder_given:
        estimator.encoder = unpack(contents, where, PlasticEncoder, version)
    estimator.encoder_, estimator.n_labelled_ = encoder, facts.n_labelled
    estimator.n_features_in_ = encoder.n_features_in_
    if facts.feature_names is not None:
        estimator.feature_names_in_ = np.array(facts.feature_names, object)
    return Loaded(estimator, facts, contents, where)

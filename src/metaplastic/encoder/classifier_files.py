"""A fitted classifier as a safetensors file: that of its encoder, and its readouts. No pickle.

Arrays: those of an encoder's file, and `readout.NAME.coefficients` and `readout.NAME.intercept`,
float64. Metadata: those of an encoder's file, and `classifier` (JSON).
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sklearn.utils.validation import check_is_fitted

from metaplastic.encoder import files
from metaplastic.encoder.estimator import PlasticEncoder
from metaplastic.encoder.file_format import version_of
from metaplastic.encoder.readouts import VOTERS, Readout
from metaplastic.encoder.unpacking import unpack
from metaplastic.errors import ModelFileError
from metaplastic.hub import container

if TYPE_CHECKING:
    from metaplastic.encoder.classifier import PlasticClassifier

FORMAT = "metaplastic-classifier"
FORMAT_VERSION = 1

C = TypeVar("C", bound="PlasticClassifier")

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Voter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: _Positive
    penalty: _Positive
    accuracy: float | None


class _Facts(BaseModel):
    """What a fitted classifier is besides its encoder and its arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    readout: str
    encoder_given: bool
    random_state: int | None
    kind_of_classes: Literal["text", "objects", "integers", "numbers", "booleans"]
    classes: Annotated[list[str | int | float | bool], Field(min_length=2)]
    voters: dict[str, _Voter]
    n_labelled: Annotated[int, Field(ge=2, lt=2**63)]
    feature_names: list[str] | None


_DTYPES: dict[str, Any] = {
    "text": str,
    "objects": object,
    "integers": np.int64,
    "numbers": np.float64,
    "booleans": bool,
}
_KINDS = {"U": "text", "O": "objects", "i": "integers", "u": "integers", "f": "numbers"}


def save_classifier(classifier: PlasticClassifier, path: str | PathLike[str]) -> None:
    """Write a fitted classifier, all or nothing. Raises scikit-learn's NotFittedError, and
    `ModelFileError` where the file cannot be written."""
    check_is_fitted(classifier, "readouts_")
    arrays, metadata = files.pack(classifier.encoder_)
    seed, names = classifier.random_state, getattr(classifier, "feature_names_in_", None)
    facts = _Facts(
        readout=classifier.readout,
        encoder_given=classifier.encoder is not None,
        random_state=int(seed) if isinstance(seed, (int, np.integer)) else None,
        kind_of_classes=_KINDS.get(classifier.classes_.dtype.kind, "booleans"),  # pyright: ignore
        classes=classifier.classes_.tolist(),
        voters={
            name: _Voter(
                temperature=readout.temperature,
                penalty=readout.penalty,
                accuracy=None if np.isnan(readout.accuracy) else readout.accuracy,
            )
            for name, readout in classifier.readouts_.items()
        },
        n_labelled=classifier.n_labelled_,
        feature_names=None if names is None else [*map(str, names)],
    )
    for name, readout in classifier.readouts_.items():
        arrays[f"readout.{name}.coefficients"] = readout.coefficients
        arrays[f"readout.{name}.intercept"] = readout.intercept
    metadata |= {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "encoder_version": metadata["format_version"],
        "classifier": facts.model_dump_json(),
    }
    container.write(Path(fspath(path)), arrays, metadata, ModelFileError)


def load_classifier(path: str | PathLike[str], kind: type[C]) -> C:
    """The fitted classifier of a file; it predicts what the one saved did, to the bit.

    Raises `ModelFileError` on a file that is missing, damaged, newer or of another kind.
    """
    contents, where = files.read(path)
    version_of(contents, where, FORMAT, FORMAT_VERSION)
    if (given := contents.metadata.get("encoder_version")) not in ("2", "3"):
        raise ModelFileError(f"{where}: its encoder is of a version that is not read here")
    version = int(given)
    encoder = unpack(contents, where, PlasticEncoder, version)
    try:
        facts = _Facts.model_validate_json(contents.metadata.get("classifier", ""), strict=True)
        classifier = kind(readout=facts.readout, random_state=facts.random_state)
        classifier._validate_params()
    except (ValidationError, ValueError) as problem:
        line = " ".join(str(problem).split())[:200]
        raise ModelFileError(f"{where}: its description cannot be read ({line})") from None
    if set(facts.voters) != set(VOTERS[facts.readout]):
        raise ModelFileError(f"{where}: does not hold the readouts of {facts.readout!r}")
    if facts.feature_names is not None and len(facts.feature_names) != encoder.n_features_in_:
        raise ModelFileError(f"{where}: as many feature names as inputs are needed")
    classes = np.array(facts.classes, _DTYPES[facts.kind_of_classes])
    widths = {
        name: encoder.n_features_in_ if inputs_alone else sum(encoder.network_.sizes)
        for name, (_, inputs_alone) in VOTERS[facts.readout].items()
    }
    classifier.readouts_ = {
        name: Readout(
            _numbers(contents, f"readout.{name}.coefficients", (width, len(classes)), where),
            _numbers(contents, f"readout.{name}.intercept", (len(classes),), where),
            facts.voters[name].temperature,
            facts.voters[name].penalty,
            float("nan") if (a := facts.voters[name].accuracy) is None else a,
        )
        for name, width in widths.items()
    }
    if facts.encoder_given:
        classifier.encoder = unpack(contents, where, PlasticEncoder, version)
    classifier.encoder_, classifier.classes_ = encoder, classes
    classifier.n_labelled_, classifier.n_features_in_ = facts.n_labelled, encoder.n_features_in_
    if facts.feature_names is not None:
        classifier.feature_names_in_ = np.array(facts.feature_names, object)
    return classifier


def _numbers(
    contents: container.Contents, name: str, shape: tuple[int, ...], where: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = contents.arrays.get(name, np.empty(0))
    # an intercept is -inf for a class that a fit of this readout never saw
    if array.shape != shape or array.dtype != np.float64 or np.isnan(array).any():
        raise ModelFileError(f"{where}: {name} is missing or not numbers of shape {shape}")
    return np.array(array, np.float64)

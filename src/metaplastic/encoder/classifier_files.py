"""Save and load a fitted classifier as a safetensors file (format: `semi_supervised_files`)."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from metaplastic.encoder.readouts import VOTERS, Readout
from metaplastic.encoder.semi_supervised_files import Facts, Positive, read, shared_facts, write
from metaplastic.errors import ModelFileError

if TYPE_CHECKING:
    from metaplastic.encoder.classifier import PlasticClassifier

KIND = "classifier"

C = TypeVar("C", bound="PlasticClassifier")


class _Voter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Positive
    penalty: Positive
    accuracy: float | None  # None: not known


class _ClassifierFacts(Facts):
    kind_of_classes: Literal["text", "objects", "integers", "unsigned", "numbers", "booleans"]
    classes: Annotated[list[str | int | float | bool], Field(min_length=2)]
    voters: dict[str, _Voter]


_DTYPES: dict[str, Any] = {
    "text": str,
    "objects": object,
    "integers": np.int64,
    "unsigned": np.uint64,  # only of classes beyond int64
    "numbers": np.float64,
    "booleans": bool,
}
_KINDS = {"U": "text", "O": "objects", "i": "integers", "u": "integers", "f": "numbers"}


def save_classifier(classifier: PlasticClassifier, path: str | PathLike[str]) -> None:
    """Write a fitted classifier, all or nothing. Raises scikit-learn's NotFittedError, and
    `ModelFileError` if the file cannot be written."""
    shared, classes = shared_facts(classifier), classifier.classes_
    kind = _KINDS.get(classes.dtype.kind, "booleans")
    if beyond := classes.dtype.kind == "u" and classes.max() > np.iinfo(np.int64).max:
        kind = "unsigned"
    facts = _ClassifierFacts(
        **shared,
        kind_of_classes=kind,  # pyright: ignore
        classes=classes.tolist(),
        voters={
            name: _Voter(
                temperature=readout.temperature,
                penalty=readout.penalty,
                accuracy=None if np.isnan(readout.accuracy) else readout.accuracy,
            )
            for name, readout in classifier.readouts_.items()
        },
    )
    write(classifier, facts, KIND, path, version=2 if beyond else 1)


def load_classifier(path: str | PathLike[str], kind: type[C]) -> C:
    """Load a fitted classifier; its predictions are bit-identical to those of the saved one.

    Raises `ModelFileError` on a file that is missing, damaged, newer or of another kind.
    """
    loaded = read(path, KIND, kind, _ClassifierFacts)
    classifier, facts = loaded.estimator, loaded.facts
    if set(facts.voters) != set(VOTERS[facts.readout]):
        raise ModelFileError(f"{loaded.where}: does not hold the readouts of {facts.readout!r}")
    try:
        classifier.classes_ = np.array(facts.classes, _DTYPES[facts.kind_of_classes])
    except (ValueError, OverflowError):
        message = f"{loaded.where}: its classes are not {facts.kind_of_classes}"
        raise ModelFileError(message) from None
    classifier.readouts_ = {
        name: Readout(
            *loaded.linear_map(name, len(facts.classes)),
            temperature=facts.voters[name].temperature,
            penalty=facts.voters[name].penalty,
            accuracy=float("nan") if (a := facts.voters[name].accuracy) is None else a,
        )
        for name in VOTERS[facts.readout]
    }
    return classifier

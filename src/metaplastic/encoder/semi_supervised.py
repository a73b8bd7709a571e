"""Base class of `PlasticClassifier` and `PlasticRegressor`: features from all rows, then readouts
on the labelled ones."""

from __future__ import annotations

import logging
import warnings
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import _safe_indexing  # pyright: ignore[reportAttributeAccessIssue]
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from metaplastic.encoder.estimator import FEW, PlasticEncoder
from metaplastic.encoder.validation import validated
from metaplastic.progress import LoggedProgress

progress = LoggedProgress(logging.getLogger(__name__))


class SemiSupervised(BaseEstimator):
    """An encoder that learns from all rows, then readouts fitted on those with a label or target.

    Of the readouts, by name in `readouts_`, "inputs" reads the inputs alone; others read the inputs
    and all layers.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "encoder": [PlasticEncoder, None],
        "random_state": ["random_state"],
    }

    encoder_: PlasticEncoder
    readouts_: dict[str, Any]
    n_labelled_: int
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def __init__(
        self,
        encoder: PlasticEncoder | None = None,
        *,
        readout: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.encoder = encoder
        self.readout = readout
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _learn(
        self, X: Any, labelled: NDArray[np.bool_]
    ) -> tuple[PlasticEncoder, NDArray[np.floating]]:
        """Fit an encoder on the validated rows `X`; return it with the labelled rows' features."""
        template = (
            PlasticEncoder(random_state=self.random_state) if self.encoder is None else self.encoder
        )
        encoder = cast(PlasticEncoder, clone(template)).set_params(layers="all")
        if self.readout == "inputs":
            encoder.set_params(max_iter=0, neighbours=0)  # a file need not hold the rows
        elif X.shape[0] < FEW:
            warnings.warn(
                f"{type(self).__name__}.fit saw {X.shape[0]} rows; features are also learned from "
                "unlabelled rows, so pass all rows that you have",
                stacklevel=4,
            )
        with warnings.catch_warnings():
            # the warning was given above, or does not apply
            warnings.filterwarnings("ignore", "PlasticEncoder.fit saw")
            encoder.fit(X)
        features = encoder.transform(X[np.flatnonzero(labelled)])
        progress("fitting the readouts")
        return encoder, features

    def _only_known(
        self, known: NDArray[np.bool_], X: Any, y: NDArray[Any], sample_weight: Any
    ) -> tuple[Any, NDArray[Any], Any]:
        """Select the rows to score: those with a label or target. Raises ValueError if there is
        none, and if X and y differ in length."""
        check_consistent_length(X, y, sample_weight)
        if known.all():
            return X, y, sample_weight
        if not known.any():
            raise ValueError("no row of y has a label or target to compare predictions with")
        rows = np.flatnonzero(known)
        weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        return _safe_indexing(X, rows), y[rows], weight

    def _features(self, X: Any) -> NDArray[np.floating]:
        """Return the features of new rows. Raises NotFittedError and ValueError."""
        check_is_fitted(self, "readouts_")
        return self.encoder_.transform(validated(self, X, reset=False))


def width_read(readout: str, encoder: PlasticEncoder) -> int:
    """Return how many of a fitted encoder's features, the inputs first, this readout reads."""
    if readout == "inputs":
        return encoder.n_features_in_
    return sum(encoder.network_.sizes) * (1 if encoder._neighbourhood is None else 2)

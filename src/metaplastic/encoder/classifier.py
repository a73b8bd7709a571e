"""`PlasticClassifier`: a classifier for many rows of which few are labelled."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    ClassifierMixin,
    _fit_context,  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
)
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from metaplastic.encoder.fitted import all_or_nothing
from metaplastic.encoder.labels import (
    as_labels,
    encode,
    is_blank,
    is_missing,
    of_one_type,
    split_labels,
)
from metaplastic.encoder.readouts import VOTERS, Readout, fit_readouts, vote
from metaplastic.encoder.semi_supervised import SemiSupervised
from metaplastic.encoder.validation import validated


class PlasticClassifier(ClassifierMixin, SemiSupervised):
    """Classify rows of which few are labelled: features from all rows, a readout from the labels.

    The convention is that of scikit-learn's semi-supervised estimators: `fit(X, y)` takes all rows,
    with y = -1 for those whose label is unknown. A `PlasticEncoder` learns features from all rows
    without using labels; linear readouts, with penalties chosen by cross-validation, are fitted on
    the labelled rows.

    Parameters
    ----------
    encoder : PlasticEncoder or None
        The encoder that learns the features; None for `PlasticEncoder(random_state=random_state)`.
        It is cloned, and the clone reads all layers, whatever its `layers` parameter.
    readout : "auto", "logistic", "ridge" or "inputs"
        "auto": the mean of the probabilities of two logistic regressions, one on the inputs and all
        layers, one on the standardised inputs alone, so that it is rarely worse than either.
        "logistic" and "ridge" read the inputs and all layers; "inputs" reads the inputs alone, and
        no features are learned.
    random_state : int, RandomState or None
        Seed of the network and the minibatches if `encoder` is None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    encoder_ : PlasticEncoder
    readouts_ : dict of str to Readout
        The readouts that vote, "features" and "inputs", with `accuracy`, cross-validated on the
        labelled rows, and `penalty`.
    n_labelled_ : int
        Number of labelled rows.
    n_features_in_, feature_names_in_ : int, ndarray of str if the input had names
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        **SemiSupervised._parameter_constraints,
        "readout": [StrOptions(set(VOTERS))],
    }

    classes_: NDArray[Any]
    readouts_: dict[str, Readout]

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Learn features from all rows of `X`, and classes from the labelled ones.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Labels: integers, text or booleans. -1 and NaN, and None in an array of objects, mark
            rows without a label; among text they need a list or an array of objects, because an
            array of text holds "-1" for -1. If y holds nothing but -1 and 1, both are taken as
            classes, with a warning.

        Raises
        ------
        ValueError
            From scikit-learn on invalid input; if labels are of another or of mixed types, or an
            array of text with "-1" or "nan"; if no row is labelled, or all labelled rows are of one
            class.
        RuleFileError, ConfigError
            As `PlasticEncoder.fit`.
        """
        with all_or_nothing(self):
            X = validated(self, X, reset=True)
            y, labelled = split_labels(y, X.shape[0])
            classes, codes = encode(y[labelled])
            encoder, rows = self._learn(X, labelled)
            readouts = fit_readouts(self.readout, rows, self.n_features_in_, codes, len(classes))
            self.classes_, self.encoder_, self.readouts_ = classes, encoder, readouts
            self.n_labelled_ = int(labelled.sum())
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities (n_samples, n_classes), in the order of `classes_`.

        Each readout's scores are turned into probabilities by a softmax whose temperature is fitted
        on cross-validated scores of the labelled rows. Raises NotFittedError and ValueError.
        """
        features = self._features(X)
        return vote(self.readouts_, features)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row (n_samples,). Raises as `predict_proba`."""
        codes = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[codes]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the labelled rows: rows with None or NaN are left out, and so are
        rows with -1 unless -1 is a class. Raises as `predict`, and ValueError if no row is left."""
        check_is_fitted(self, "readouts_")
        labels = as_labels(y)
        missing = is_blank if -1 in self.classes_.tolist() else is_missing
        known = np.array([not missing(label) for label in labels], bool)
        X, labels, sample_weight = self._only_known(known, X, labels, sample_weight)
        return super().score(X, of_one_type(labels), sample_weight)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted classifier to a safetensors file. Raises ModelFileError on failure.

        Of the labels the file holds only the names of the classes, and no row of data unless the
        encoder has `neighbours`.
        """
        from metaplastic.encoder.classifier_files import save_classifier

        save_classifier(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PlasticClassifier:
        """Load a fitted classifier from a file that `save` wrote. No pickle is read.

        Raises ModelFileError, whatever is wrong with the file.
        """
        from metaplastic.encoder.classifier_files import load_classifier

        return load_classifier(path, cls)

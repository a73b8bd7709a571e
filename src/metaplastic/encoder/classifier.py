"""`PlasticClassifier`: classes of rows, from many rows and labels on few of them."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    ClassifierMixin,
    _fit_context,  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
)
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from metaplastic.encoder.labels import encode, is_blank, is_missing, split_labels
from metaplastic.encoder.readouts import VOTERS, Readout, fit_readouts, vote
from metaplastic.encoder.semi_supervised import SemiSupervised
from metaplastic.encoder.validation import validated


class PlasticClassifier(ClassifierMixin, SemiSupervised):
    """Classify rows of which few are labelled: features from all rows, a readout from the labels.

    The convention is that of scikit-learn's semi-supervised estimators: `fit(X, y)` takes every row
    there is, with y = -1 where no label is known. A `PlasticEncoder` learns features from all rows
    without labels; linear readouts, their penalties chosen by cross-validation, are fitted on the
    labelled rows.

    Parameters
    ----------
    encoder : PlasticEncoder or None
        What learns the features; None for `PlasticEncoder(random_state=random_state)`. A clone of
        it reads all layers, whatever its own `layers`.
    readout : "auto", "logistic", "ridge" or "inputs"
        "auto": the mean of the probabilities of two logistic regressions, one on the inputs and all
        layers, one on the standardised inputs alone, so that it seldom does worse than either.
        "logistic" and "ridge" read the inputs and all layers, "inputs" the inputs alone, for which
        no features are learned.
    random_state : int, RandomState or None
        Draws the network and the minibatches where `encoder` is None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    encoder_ : PlasticEncoder
    readouts_ : dict of str to Readout
        The readouts that vote, "features" and "inputs", with `accuracy`, cross-validated on the
        labelled rows, and `penalty`.
    n_labelled_ : int
        How many rows had labels.
    n_features_in_, feature_names_in_ : int, ndarray of str where the input had names
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        **SemiSupervised._parameter_constraints,
        "readout": [StrOptions(set(VOTERS))],
    }

    classes_: NDArray[Any]
    readouts_: dict[str, Readout]

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Learn features from all rows of `X`, and classes from those that have labels.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Labels: integers, text or booleans. -1 and NaN, in an array of objects None as well,
            mean that a row has none. Where y holds nothing but -1 and 1, both are classes, with a
            warning.

        Raises
        ------
        ValueError
            scikit-learn's own on bad input; where no row, or rows of one class alone, are labelled.
        RuleFileError, ConfigError
            As `PlasticEncoder.fit`.
        """
        X = validated(self, X, reset=True)
        y, labelled = split_labels(y, X.shape[0])
        classes, codes = encode(y[labelled])
        encoder, rows = self._learn(X, labelled)
        readouts = fit_readouts(self.readout, rows, self.n_features_in_, codes, len(classes))
        self.classes_, self.encoder_, self.readouts_ = classes, encoder, readouts
        self.n_labelled_ = int(labelled.sum())
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities (n_samples, n_classes), in the order of `classes_`.

        Each readout's scores become probabilities by a softmax whose temperature is fitted on
        cross-validated scores of the labelled rows. Raises NotFittedError and ValueError.
        """
        features = self._features(X)
        return vote(self.readouts_, features)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row (n_samples,). Raises as `predict_proba`."""
        likely = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[likely]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy on those rows that have a label: where -1 is no class, rows of -1 are left out,
        and rows of None and NaN always. Raises as `predict`, and ValueError where none is left."""
        check_is_fitted(self, "readouts_")
        labels = column_or_1d(y, dtype=None)
        missing = is_blank if -1 in self.classes_.tolist() else is_missing
        known = np.array([not missing(label) for label in labels], bool)
        return super().score(*self._known_alone(known, X, labels, sample_weight))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted classifier to a safetensors file. Raises ModelFileError where it cannot.

        No row of data and no label but the names of classes is in the file.
        """
        from metaplastic.encoder.classifier_files import save_classifier

        save_classifier(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PlasticClassifier:
        """The fitted classifier of a file that `save` wrote. Reads no pickle.

        Raises ModelFileError, whatever is wrong with the file.
        """
        from metaplastic.encoder.classifier_files import load_classifier

        return load_classifier(path, cls)

"""`PlasticRegressor`: a regressor for many rows of which few have a target."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    RegressorMixin,
    _fit_context,  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
)
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from metaplastic.encoder.fitted import all_or_nothing
from metaplastic.encoder.regression_readouts import (
    AVERAGED,
    RegressionReadout,
    fit_regressions,
    mean_prediction,
)
from metaplastic.encoder.semi_supervised import SemiSupervised
from metaplastic.encoder.targets import as_numbers, split_targets
from metaplastic.encoder.validation import validated


class PlasticRegressor(RegressorMixin, SemiSupervised):
    """Regression on rows of which few have a target: features from all rows, then ridge.

    `fit(X, y)` takes all rows, with y = NaN where the target is unknown. A `PlasticEncoder` learns
    features from all rows without using targets; ridge regressions, with penalties chosen by
    leave-one-out, are fitted on the rows with a target.

    Parameters
    ----------
    encoder : PlasticEncoder or None
        The encoder that learns the features; None for `PlasticEncoder(random_state=random_state)`.
        It is cloned, and the clone reads all layers, whatever its `layers` parameter.
    readout : "auto", "ridge" or "inputs"
        "auto": the mean of two ridge regressions, one on the inputs and all layers, one on the
        standardised inputs alone, so that it is rarely worse than either. "ridge" reads the inputs
        and all layers; "inputs" reads the inputs alone, and no features are learned.
    random_state : int, RandomState or None
        Seed of the network and the minibatches if `encoder` is None.

    Attributes
    ----------
    encoder_ : PlasticEncoder
    readouts_ : dict of str to RegressionReadout
        The readouts that are averaged, "features" and "inputs", each with leave-one-out `rmse` and
        `r2` on the labelled rows, and `penalty`.
    n_labelled_ : int
        Number of rows with a target.
    n_features_in_, feature_names_in_ : int, ndarray of str if the input had names
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        **SemiSupervised._parameter_constraints,
        "readout": [StrOptions(set(AVERAGED))],
    }

    readouts_: dict[str, RegressionReadout]

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Learn features from all rows of `X`, and a regression from the rows with a target.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Targets: finite numbers, or NaN (or None, in an array of objects) for rows without one.
            -1 is a number like any other.

        Raises
        ------
        ValueError
            From scikit-learn on invalid input; if fewer than two rows have a target.
        RuleFileError, ConfigError
            As `PlasticEncoder.fit`.
        """
        with all_or_nothing(self):
            X = validated(self, X, reset=True)
            targets, known = split_targets(y, X.shape[0])
            encoder, rows = self._learn(X, known)
            readouts = fit_regressions(self.readout, rows, self.n_features_in_, targets[known])
            self.encoder_, self.readouts_ = encoder, readouts
            self.n_labelled_ = int(known.sum())
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted target of each row (n_samples,). Raises NotFittedError and
        ValueError."""
        features = self._features(X)
        return mean_prediction(self.readouts_, features)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² on the rows with a target. Raises as `predict`, and ValueError if no row is
        left."""
        check_is_fitted(self, "readouts_")
        targets = as_numbers(column_or_1d(y, dtype=None))
        known = ~np.isnan(targets)
        return super().score(*self._only_known(known, X, targets, sample_weight))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted regressor to a safetensors file. Raises ModelFileError on failure.

        The file holds no target, and no row of data unless the encoder has `neighbours`.
        """
        from metaplastic.encoder.regressor_files import save_regressor

        save_regressor(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PlasticRegressor:
        """Load a fitted regressor from a file that `save` wrote. No pickle is read.

        Raises ModelFileError, whatever is wrong with the file.
        """
        from metaplastic.encoder.regressor_files import load_regressor

        return load_regressor(path, cls)

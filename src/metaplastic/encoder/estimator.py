"""`PlasticEncoder`: a scikit-learn transformer whose features are learned by an update rule."""

from __future__ import annotations

import logging
import warnings
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    _fit_context,  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
)
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from metaplastic.base_model import Phi
from metaplastic.encoder.fitted import Fitted, all_or_nothing
from metaplastic.encoder.fitting import fitted_network
from metaplastic.encoder.learning import draw_minibatches
from metaplastic.encoder.moments import take_rows
from metaplastic.encoder.network import Network
from metaplastic.encoder.reading import column_names
from metaplastic.encoder.validation import validated
from metaplastic.errors import ConfigError
from metaplastic.inner_loop import statistics_rows
from metaplastic.progress import LoggedProgress, printed

FEW = 100  # rows below which `fit` warns

progress = LoggedProgress(logging.getLogger(__name__))


class PlasticEncoder(Fitted):
    """Learn features from unlabelled rows with a meta-trained, neuron-local update rule.

    The base model is a multi-layer perceptron with batch norm, or any other that `model` describes;
    `fit` changes its weights by `max_iter` applications of the rule, each to one minibatch;
    `transform` returns the inputs and the activities of all layers, or of the last layer alone.
    The encoder standardises its inputs itself, so columns may have different units.

    Parameters
    ----------
    rule : str, path or Rule
        A rule shipped with the package ("default"), the path of a rule file, "hf://owner/name",
        or a rule object.
    hidden_layer_sizes : int or iterable of int
        Units of each hidden layer; () for no hidden layer.
    n_components : int
        Units of the last layer.
    model : ModelSpec, dict or None
        A base model of another topology, with convolutions or residual connections, in place of
        `hidden_layer_sizes`, `n_components` and `activation`: a `metaplastic.base_model.ModelSpec`,
        or a dict in its JSON form. Rows of X are its flattened inputs: for inputs
        [height, width, channels] in the order row, column, channel. None: a perceptron.
    layers : "all", "last" or iterable of int
        What `transform` returns: "all" concatenates the standardised inputs and the activities of
        every layer, each block centred and scaled so that all have equal weight and columns have
        unit variance on average (`metaplastic.blocks`); "last" returns the activities of the last
        layer unchanged; numbers choose layers, 0 being the inputs. May be changed after `fit`.
    neighbours : int
        With k > 0, `transform` returns the layers read twice: of the row x, and of its average
        x̄ = x^2 over its k nearest fitted rows, x^{r+1} = x^r / 2 + mean of x^r over them / 2 with
        x^0 = x, on standardised inputs. This helps where rows lie densely (thousands of images) and
        labels are few. The encoder then keeps all fitted rows, dense, also in its file; it can be
        neither exported nor fitted by `partial_fit`. Above 20,000 rows neighbours are approximate,
        and come from pynndescent, if the extra `umap` is installed. Scores on an `eval_set` are
        those without averages. 0: no neighbours.
    scale : "auto", "columns" or "global"
        How inputs are standardised: "global" by one mean and one standard deviation over all of
        them, as in meta-training, for columns of one unit (pixels, samples of a signal); "columns"
        separately for each column, clipping values at ten standard deviations.
        "auto" chooses "global" if the variances v of the d columns that vary are so even that
        ((Σ v)² / Σ v² - 1) / (d - 1) is at least 0.45, else "columns".
    activation : str
        relu (the most common in meta-training), leaky_relu, swish, tanh, sigmoid, gelu, sin or
        step.
    max_iter : int or None
        Inner steps: applications of the rule, one minibatch each (not passes over the data).
        0 keeps the random network. None: the number that the rule was meta-trained for, according
        to its card, or 200 for a rule without a card.
    batch_size : int or None
        Rows of a minibatch, drawn uniformly with replacement; fewer, but at least 16, if inputs or
        maps of so many rows are more than 2^21 numbers: 256 rows of 8,192 columns. `fit` says so.
        None: as in the rule's card, or 256.
    early_stopping : bool
        Keep the network that scored best on `eval_set`, and stop when `n_iter_no_change`
        evaluations in a row were no better.
    n_iter_no_change : int
        See `early_stopping`.
    warm_start : bool
        Whether `fit` continues from the network fitted before.
    max_age : int or None
        Upper limit of the rule's age, in inner steps. Rules take ever smaller steps as they age
        (rule "default": a tenth of the first at 200, a thousandth at 3,000), so that the features
        of a long stream of `partial_fit` stop changing in the end; with a `max_age` of, say, 200
        they keep following the stream. None: no limit.
    random_state : int, RandomState or None
        Seed of the network and the minibatches. The same integer gives the same features.
    verbose : int
        Whether to print log messages during `fit`: progress, and scores on an `eval_set`.

    Attributes
    ----------
    n_iter_ : int
        Inner steps taken so far, including those of earlier calls.
    score_curve_ : ndarray of shape (evaluations, 2)
        Inner step and score on `eval_set`; empty if none was given.
    phi_ : Phi
        The base model's parameters, as NumPy arrays.
    network_ : Network
        What `transform` computes: φ with batch-norm statistics and standardisation.
    rule_, rule_state_ : Rule, RuleState
    n_rows_waiting_ : int
        Rows given to `partial_fit` that are waiting for a full minibatch.
    scale_ : str
        The scale in use, "columns" or "global".
    n_features_in_, feature_names_in_ : int, ndarray of str if the input had names
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, *, eval_set: tuple[Any, Any] | None = None) -> Self:
        """Learn features from the rows of `X`. Labels `y` are ignored.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
        y : ignored
        eval_set : (X, y), optional
            A labelled set that the rule never sees. About 20 times during the inner loop a linear
            readout of the features is cross-validated on it: `score_curve_`. Rows without a label
            (-1, None or NaN) are left out.

        Raises
        ------
        ValueError
            If X is not numeric, finite and two-dimensional, or `eval_set` has no class of two rows.
        RuleFileError
            If `rule` cannot be loaded.
        ConfigError
            If `model` or `layers` is invalid, `model` is for another number of columns,
            `early_stopping` has no `eval_set`, `warm_start` meets another architecture or scale,
            the rule produced non-finite numbers, or this process was forked from one that used JAX.
        """
        del y
        if self.early_stopping and eval_set is None:
            raise ConfigError(
                "early_stopping=True needs a labelled set: fit(X, eval_set=(X_eval, y_eval))"
            )
        with all_or_nothing(self), printed(bool(self.verbose)):
            resume = self.warm_start and hasattr(self, "network_")
            X = validated(self, X, reset=not resume)
            _warn_of_few_rows(X.shape[0])
            progress("moments of the inputs")
            seed = self._begin(resume)
            moments = self._moments_of(X, resume=False)
            monitor = self._monitor(eval_set)

            def network(phi: Phi) -> Network:
                return fitted_network(phi, statistics_rows(X), scale)

            scale = self._input_scale(moments)
            steps = self._inner_steps()
            size = self._minibatch_rows(tell=steps > 0)
            batches = draw_minibatches(seed, self.n_iter_, X, scale, size, steps)
            self._learn(batches, monitor, network)
            self.score_curve_ = monitor.curve
            progress("statistics of the features")
            self.network_ = network(self.phi_)
            self._neighbourhood = None
            if k := int(self.neighbours):
                from metaplastic.encoder.neighbourhood import Neighbourhood

                self._neighbourhood = Neighbourhood.fit(self.network_, X, k, progress)
            self._moments, self._n_seen, self._waiting = moments, X.shape[0], None
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from one pass over the rows of `X`, a chunk of data that do not fit in memory.

        The first call creates the network. Every `batch_size` rows are a minibatch, for one inner
        step, however the stream is cut into chunks; rows that do not fill one wait for the next
        chunk (`n_rows_waiting_`). Until the first minibatch is full, `transform` returns the random
        network's features, with a warning. `fit` and `save` drop waiting rows; `pickle` keeps them.

        Standardisation is over all rows seen so far, and `scale="auto"` is decided before the first
        inner step. The statistics of batch norm and of the layers read are a running average over
        roughly the last 10,000 rows. The rule's steps become smaller with its age, so set `max_age`
        to keep learning to the end of a long stream. Raises as `fit`, and ConfigError with
        `neighbours`, which needs all rows at once.
        """
        from metaplastic.encoder.buffer import MEMORY_ROWS, Chunk  # only streams need it

        del y
        if self.neighbours:
            raise ConfigError(
                f"neighbours={self.neighbours} needs all rows at once: use fit, or set neighbours=0"
            )
        with all_or_nothing(self), printed(bool(self.verbose)):
            resume = hasattr(self, "network_")
            X = validated(self, X, reset=not resume)
            rng = np.random.default_rng([self._begin(resume), self.n_iter_])
            moments = self._moments_of(X, resume)
            scale = self._input_scale(moments)
            batch = self._minibatch_rows(tell=not resume)
            chunk = Chunk(self._waiting if resume else None, X, batch, rng)
            monitor = self._stream_monitor()
            batches = (take_rows(rows, slice(None), scale) for rows in chunk.minibatches())
            self._learn(batches, monitor)
            if not resume:
                self.score_curve_, self._n_seen = monitor.curve, 0
            # rows in the statistics so far that are not in this chunk
            seen = self._n_seen if self._n_seen > len(chunk.waiting) else 0
            if chunk.full or not seen:
                network = fitted_network(self.phi_, chunk.sample(rng), scale)
                used = chunk.full * batch or chunk.rows
                if seen := min(seen, MEMORY_ROWS):
                    new = used / (seen + used)
                    network = self.network_.merged(network, new)
                self.network_, self._n_seen = network, seen + used
            self._moments, self._waiting, self._neighbourhood = moments, chunk.left(), None
        return self

    @property
    def n_rows_waiting_(self) -> int:
        """Number of rows given to `partial_fit` that are waiting for a full minibatch."""
        return 0 if self._waiting is None else len(self._waiting)

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Return the features (n_samples, columns) of the rows of `X`, in the precision of `X`:
        float32 for float32 and integers of up to two bytes, float64 for all else. `layers` chooses
        the columns, `get_feature_names_out` names them.

        The features of a row do not depend on the other rows. Raises scikit-learn's NotFittedError,
        and ValueError on rows that `fit` would reject, or so far from the fitted ones that their
        features are infinite.
        """
        check_is_fitted(self, "network_")
        if self.n_rows_waiting_ and self.n_iter_ == 0:
            warnings.warn(
                f"these are a random network's features: the {self.n_rows_waiting_} rows given to "
                f"partial_fit do not fill a minibatch of {self._minibatch_rows()} rows yet",
                stacklevel=2,
            )
        X, layers = validated(self, X, reset=False), self._layers_read()
        features = self.network_.features(X, layers)
        if self._neighbourhood is None:
            return features
        averaged = self._neighbourhood.features(X, self.network_.scale, layers)
        return np.hstack([features, averaged])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return a name for each column of `transform`: "input_age" or "input_x0" for an input,
        "layer2_7" for unit 7 of layer 2 (units count from 0, layers of weights from 1), and
        "layer1_r0c2_7" for channel 7 of a map in the region in row 0 and column 2 (or at that
        position, if the model does not pool). With `neighbours`, the columns of averages follow,
        such as "averaged_layer2_7".

        input_features: names of the inputs, if they were fitted without names. Raises ValueError if
        these differ from the fitted names, or in number.
        """
        check_is_fitted(self, "network_")
        inputs: Any = _check_feature_names_in(self, input_features)
        names = column_names(self._layers_read(), self.network_.spec, [str(n) for n in inputs])
        if self._neighbourhood is not None:
            names += [f"averaged_{name}" for name in names]
        return np.array(names, object)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted encoder to a safetensors file. Raises ModelFileError on failure.

        The file holds no row of data, except with `neighbours`, when it holds all fitted rows.
        Rows waiting in `partial_fit` are left out, with a warning.
        """
        from metaplastic.encoder.files import save_encoder

        save_encoder(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PlasticEncoder:
        """Load a fitted encoder from a file that `save` wrote. No pickle is read.

        Raises ModelFileError, whatever is wrong with the file: missing, unreadable, damaged,
        written by a newer version, or of another kind.
        """
        from metaplastic.encoder.files import load_encoder

        return load_encoder(path, cls)


def _warn_of_few_rows(rows: int) -> None:
    if rows < FEW:
        warnings.warn(
            f"PlasticEncoder.fit saw {rows} rows; features are learned from unlabelled rows, so "
            "pass all rows that you have. A pipeline that is fitted on labelled rows fits the "
            "encoder on those alone: fit the encoder first and add it to the pipeline as "
            "sklearn.frozen.FrozenEstimator(encoder), or use PlasticClassifier",
            stacklevel=4,
        )

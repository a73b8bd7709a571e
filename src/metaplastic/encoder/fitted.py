"""State of a fitted `PlasticEncoder`, and the steps of a fit: begin, learn, roll back."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from metaplastic import hub
from metaplastic.base_model import Phi
from metaplastic.compilation import use_compilation_cache
from metaplastic.encoder import inner_loop
from metaplastic.encoder.learning import Learned, learn
from metaplastic.encoder.moments import Moments, column_moments
from metaplastic.encoder.network import Network
from metaplastic.encoder.parameters import (
    BATCH_SIZE,
    INNER_STEPS,
    Horizon,
    Parameters,
    base_model,
    horizon_of,
    plain,
)
from metaplastic.encoder.reading import layers_read
from metaplastic.encoder.scale import InputScale, choose_scale, scale_of
from metaplastic.encoder.validation import validated
from metaplastic.errors import ConfigError
from metaplastic.forks import refuse_after_fork
from metaplastic.rules import Rule, RuleState

if TYPE_CHECKING:
    from metaplastic.encoder.monitor import FitNetwork, Monitor
    from metaplastic.encoder.neighbourhood import Neighbourhood


LOG = logging.getLogger(__name__)


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """Restore the estimator if anything ends a fit early, an interrupt included."""
    before = dict(estimator.__dict__)
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise


class Fitted(Parameters):
    """State of `PlasticEncoder`, which documents the attributes."""

    rule_: Rule
    phi_: Phi
    rule_state_: RuleState
    network_: Network
    n_iter_: int
    score_curve_: NDArray[np.float64]
    scale_: str
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    _moments: Moments
    _n_seen: int
    _waiting: NDArray[np.float64] | None = None
    _neighbourhood: Neighbourhood | None = None
    _rule_given: str | PathLike[str] | Rule | None = None
    _horizon: Horizon = Horizon(INNER_STEPS, BATCH_SIZE)

    def _begin(self, resume: bool) -> int:
        """Set the initial φ and rule state; return the seed of the minibatches."""
        refuse_after_fork()
        use_compilation_cache()
        model = base_model(self, self.n_features_in_)
        seed = int(check_random_state(self.random_state).randint(2**31))
        last, rule = self._rule_given, self.rule
        same = last is rule or (
            not isinstance(last, Rule) and not isinstance(rule, Rule) and last == rule
        )
        if not (resume and same):  # do not read the file again for each chunk of a stream
            loaded = rule if isinstance(rule, Rule) else hub.load_rule(rule)
            self.rule_ = inner_loop.in_single_precision(loaded)
            self._rule_given, self._horizon = self.rule, horizon_of(self.rule)
        if resume and self.phi_.spec != model:
            before, now = (json.dumps(plain(spec)) for spec in (self.phi_.spec, model))
            raise ConfigError(
                f"the network fitted so far is {before}, but the parameters describe {now}; "
                "to start over, call fit with warm_start=False"
            )
        layers_read(self.layers, len(model.layers))  # refused before anything is learned
        if not resume:
            self.phi_, self.rule_state_ = inner_loop.begin(self.rule_, seed, model)
            self.n_iter_ = 0
        return seed

    def _inner_steps(self) -> int:
        return self._horizon.steps if self.max_iter is None else int(self.max_iter)

    def _batch_size(self) -> int:
        # int(): a small NumPy integer type would overflow
        return self._horizon.batch_size if self.batch_size is None else int(self.batch_size)

    def _minibatch_rows(self, tell: bool = False) -> int:
        """Return the rows of a minibatch. tell: if they are fewer than `batch_size`, warn if the
        user gave it, else log."""
        wanted, spec = self._batch_size(), self.phi_.spec
        rows = inner_loop.minibatch_size(wanted, spec)
        if tell and rows < wanted:
            text = (
                f"minibatches have {rows} rows, not batch_size={wanted}: of data or maps this wide "
                f"they would exceed {inner_loop.MINIBATCH_NUMBERS:,} numbers"
            )
            if self.batch_size is None:
                LOG.info(text)
            else:
                warnings.warn(text, stacklevel=4)
        return rows

    def _monitor(self, eval_set: tuple[Any, Any] | None) -> Monitor:
        from metaplastic.encoder.monitor import Monitor
        from metaplastic.encoder.score import Labels

        labelled = None
        if eval_set is not None:
            X = validated(self, eval_set[0], reset=False)
            labels = Labels(eval_set[1], X.shape[0])
            labelled = X if len(labels.rows) == X.shape[0] else X[labels.rows], labels
        patience = self.n_iter_no_change if self.early_stopping else 0
        every = max(1, self._inner_steps() // 20)
        return Monitor(labelled, patience, every, self._layers_read(), self._inner_steps())

    def _stream_monitor(self) -> Monitor:
        """Return a monitor for a stream, whose number of inner steps is not known."""
        from metaplastic.encoder.monitor import Monitor

        return Monitor(None, 0, 1)

    def _learn(
        self,
        batches: Iterable[NDArray[np.float32]],
        monitor: Monitor,
        network: FitNetwork | None = None,
    ) -> None:
        begin = Learned(self.phi_, self.rule_state_, self.n_iter_)
        max_age = None if self.max_age is None else int(self.max_age)
        learned = learn(self.rule_, begin, batches, monitor, network, max_age)
        self.phi_, self.rule_state_, self.n_iter_ = learned

    def _moments_of(self, X: Any, resume: bool) -> Moments:
        """Return the moments of the rows, merged with those of earlier chunks if `resume`; before
        the first inner step they also decide `scale_`."""
        moments = column_moments(X)
        if resume and hasattr(self, "_moments"):
            by_column = np.ndim(self._moments.mean) > 0
            moments = self._moments.merge(moments if by_column else moments.pooled())
        if self.n_iter_ == 0:
            self.scale_ = choose_scale(self.scale, moments)
        elif self.scale not in ("auto", self.scale_):
            raise ConfigError(
                f"scale={self.scale!r}, but the network fitted so far has scale {self.scale_!r}, "
                f"which cannot change; set scale='auto' or {self.scale_!r}, or start over: call "
                "fit with warm_start=False"
            )
        return moments

    def _input_scale(self, moments: Moments) -> InputScale:
        return scale_of(moments if self.scale_ == "columns" else moments.pooled())

    def _layers_read(self) -> tuple[int, ...] | None:
        return layers_read(self.layers, len(self.phi_.weights))

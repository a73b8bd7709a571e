"""Scatter plot of features: rows projected to two dimensions, coloured by label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor
from sklearn.utils import check_array

from metaplastic.encoder.labels import as_labels, is_missing
from metaplastic.encoder.targets import as_numbers
from metaplastic.encoder.validation import validated
from metaplastic.errors import ConfigError, MissingExtraError, unknown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = ("pca", "tsne", "umap")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")  # one per ten classes: there are ten colours
MOST_IN_LEGEND = 20


class EmbeddingDisplay:
    """Two-dimensional embedding of features, in the style of scikit-learn's displays.

    Create it with `from_estimator` or `from_features`; `plot` draws it again.

    Attributes
    ----------
    points : ndarray of shape (n_samples, 2)
    labels : ndarray of shape (n_samples,) or None
        -1, None and NaN mark rows without a label.
    continuous : bool
        Whether the labels are numbers, shown with a colour bar; then NaN alone means no label.
    axis_names : tuple of two str
    ax_, figure_ : matplotlib Axes and Figure, once drawn
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        points: NDArray[np.floating],
        labels: NDArray[Any] | None = None,
        axis_names: tuple[str, str] = ("", ""),
        *,
        continuous: bool = False,
    ) -> None:
        self.points, self.labels, self.axis_names = points, labels, axis_names
        self.continuous = continuous

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        continuous: bool | None = None,
        method: str = "pca",
        random_state: int | None = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the features of the rows of `X` under a fitted encoder.

        Parameters
        ----------
        estimator : transformer, PlasticClassifier or PlasticRegressor
            Must be fitted; of a classifier or regressor, the encoder is used.
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
        y : array of shape (n_samples,) or None
            Labels that colour the rows. Rows without one (-1, None or NaN) are grey.
        continuous : bool or None
            Whether to treat labels as numbers and draw a colour bar; then only NaN and None mean no
            label. None: yes for a regressor, and if the labels are numbers that are not all whole.
        method : "pca", "tsne" or "umap"
            The two principal components, t-SNE, or UMAP (extra `umap`).
        random_state : int or None
            Seed of t-SNE and UMAP.
        ax : matplotlib Axes or None
            Axes to draw on; None for a new figure.

        Raises
        ------
        ConfigError, MissingExtraError
            For an unknown method; for UMAP if it is not installed.
        ValueError
            If the numbers of labels and rows differ; for an array of text with "-1" or "nan" among
            the labels; from scikit-learn, for fewer than two rows.
        """
        transformer = estimator
        if hasattr(estimator, "encoder_"):  # fitted on the validated rows, which have no names
            X, transformer = validated(estimator, X, reset=False), estimator.encoder_
        if continuous is None and is_regressor(estimator):
            continuous = True
        return cls.from_features(
            transformer.transform(X),
            y,
            continuous=continuous,
            method=method,
            random_state=random_state,
            ax=ax,
        )

    @classmethod
    def from_features(
        cls,
        features: ArrayLike,
        y: ArrayLike | None = None,
        *,
        continuous: bool | None = None,
        method: str = "pca",
        random_state: int | None = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Draw precomputed features (n_samples, columns). Otherwise as `from_estimator`."""
        checked: Any = check_array(features, ensure_min_samples=2, ensure_min_features=2)
        labels = None if y is None else as_labels(y)
        if labels is not None and len(labels) != len(checked):
            raise ValueError(
                f"{len(checked)} rows, but {len(labels)} labels; give -1 for unknown labels"
            )
        points, names = _project(checked, method, random_state)
        if labels is not None and continuous is not False:
            continuous, labels = _as_continuous(labels, bool(continuous))
        display = cls(points, labels, names, continuous=bool(continuous))
        display.plot(ax)
        return display

    def plot(self, ax: Axes | None = None, *, size: float | None = None) -> Self:
        """Draw on `ax`, or on a new figure. size: marker area in points²; by default it depends on
        the number of rows."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
        size = size or float(np.clip(6000 / len(self.points), 3, 30))
        classes: list[Any] = []
        if self.labels is None:
            ax.scatter(*self.points.T, s=size, alpha=0.7, linewidths=0)
        elif self.continuous:
            known = np.isfinite(self.labels)
            ax.scatter(*self.points[~known].T, s=size, c="0.75", linewidths=0)
            drawn = ax.scatter(
                *self.points[known].T, s=size, c=self.labels[known], alpha=0.8, linewidths=0
            )
            ax.get_figure(root=True).colorbar(drawn, ax=ax)  # pyright: ignore[reportOptionalMemberAccess]
        else:
            known = np.array([not is_missing(label) for label in self.labels], bool)
            if not known.all():
                ax.scatter(*self.points[~known].T, s=size, c="0.75", linewidths=0, label="no label")
            classes = _sorted_classes(self.labels[known])
            for number, name in enumerate(classes):
                rows = known & (self.labels == name)
                marker = MARKERS[number // 10 % len(MARKERS)]
                ax.scatter(
                    *self.points[rows].T,
                    s=size,
                    c=f"C{number % 10}",
                    marker=marker,
                    alpha=0.8,
                    linewidths=0,
                    label=str(name),
                )
        if 0 < len(classes) <= MOST_IN_LEGEND:
            ax.legend(frameon=False, markerscale=1.5, bbox_to_anchor=(1, 1), loc="upper left")
        xlabel, ylabel = self.axis_names
        ax.set(xlabel=xlabel, ylabel=ylabel, xticks=[], yticks=[])
        self.ax_ = ax
        self.figure_ = ax.figure  # pyright: ignore[reportAttributeAccessIssue]
        return self


def _sorted_classes(labels: NDArray[Any]) -> list[Any]:
    """Return the classes in order; labels of several types, which have none, in that of text."""
    try:
        return list(np.unique(labels))
    except TypeError:
        return sorted(set(labels.tolist()), key=str)


def _as_continuous(labels: NDArray[Any], continuous: bool) -> tuple[bool, NDArray[Any]]:
    """Decide whether labels are continuous; if so, return them as float64, NaN for blank ones.

    continuous: treat them as continuous; otherwise they are if they are numbers, not all whole.
    Raises ValueError if `continuous` and some labels are not numbers.
    """
    try:
        numbers = as_numbers(labels)
    except ValueError:
        if continuous:
            raise
        return False, labels
    known = numbers[np.isfinite(numbers)]
    if continuous or (known != np.floor(known)).any():
        return True, numbers
    return False, labels


def _project(
    features: NDArray[np.floating], method: str, seed: int | None
) -> tuple[NDArray[np.floating], tuple[str, str]]:
    """Return points (n, 2) and the names of the two axes."""
    if method == "pca":
        from sklearn.decomposition import PCA

        pca = PCA(2, svd_solver="full")
        points = pca.fit_transform(features)
        first, second = (
            f"principal component {n} ({share:.0%} of the variance)"
            for n, share in enumerate(pca.explained_variance_ratio_, 1)
        )
        return points, (first, second)
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(features) - 1) / 3)
        tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
        return tsne.fit_transform(features), ("t-SNE 1", "t-SNE 2")
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError:
            raise MissingExtraError("umap", "umap", 'method="umap"') from None
        if len(features) < 4:
            raise ConfigError(f"UMAP needs at least 4 rows, not {len(features)}; use method='pca'")
        neighbours = min(15, len(features) - 1)
        umap: Any = UMAP(n_components=2, n_neighbors=neighbours, random_state=seed, n_jobs=1)
        return np.asarray(umap.fit_transform(features)), ("UMAP 1", "UMAP 2")
    raise unknown_name("method", method, METHODS)

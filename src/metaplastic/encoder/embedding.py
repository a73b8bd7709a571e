"""A picture of features: their rows laid out in the plane, coloured by label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor
from sklearn.utils import check_array, column_or_1d

from metaplastic.encoder.labels import is_missing
from metaplastic.encoder.targets import as_numbers
from metaplastic.encoder.validation import validated
from metaplastic.errors import ConfigError, MissingExtraError, unknown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = ("pca", "tsne", "umap")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")  # every ten classes, since there are ten colours
MOST_IN_LEGEND = 20


class EmbeddingDisplay:
    """Features in the plane, as scikit-learn's displays show results.

    Made by `from_estimator` or `from_features`; `plot` draws it again.

    Attributes
    ----------
    points : ndarray of shape (n_samples, 2)
    labels : ndarray of shape (n_samples,) or None
        -1, None and NaN mean that a row has no label.
    continuous : bool
        Whether the labels are numbers, shown by a colour bar, of which NaN alone means none.
    axis_names : tuple of two str
    ax_, figure_ : matplotlib's, once drawn
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
        """Draw the features that a fitted encoder gives of the rows of `X`.

        Parameters
        ----------
        estimator : transformer, PlasticClassifier or PlasticRegressor
            Fitted; of a classifier or a regressor, its encoder.
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
        y : array of shape (n_samples,) or None
            Labels that colour the rows. Those without one (-1, None or NaN) are grey.
        continuous : bool or None
            Whether the labels are numbers, for a colour bar, of which NaN and None alone mean none.
            None: of a regressor, and where they are numbers that are not all whole.
        method : "pca", "tsne" or "umap"
            The two principal components, t-SNE, or UMAP (extra `umap`).
        random_state : int or None
            Seed of t-SNE and UMAP.
        ax : matplotlib Axes or None
            Where to draw; None for a new figure.

        Raises
        ------
        ConfigError, MissingExtraError
            For another method; for UMAP where it is not installed.
        ValueError
            scikit-learn's own, for labels of another number than rows, and for fewer than two rows.
        """
        transformer = estimator
        if hasattr(estimator, "encoder_"):  # it was fitted on the estimator's rows, without names
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
        """Draw features (n_samples, columns) that are there already. Otherwise as
        `from_estimator`."""
        checked: Any = check_array(features, ensure_min_samples=2, ensure_min_features=2)
        labels = None if y is None else column_or_1d(y, dtype=None)
        if labels is not None and len(labels) != len(checked):
            raise ValueError(f"{len(checked)} rows, but {len(labels)} labels; give -1 for unknown")
        points, names = _in_the_plane(checked, method, random_state)
        if labels is not None and continuous is not False:
            continuous, labels = _on_a_scale(labels, bool(continuous))
        display = cls(points, labels, names, continuous=bool(continuous))
        display.plot(ax)
        return display

    def plot(self, ax: Axes | None = None, *, size: float | None = None) -> Self:
        """Draw on `ax`, or on a new figure. size: of a mark, in points², by the number of rows
        unless given."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
        size = size or float(np.clip(6000 / len(self.points), 3, 30))
        classes = np.empty(0, object)
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
            classes = np.unique(self.labels[known])
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
        across, up = self.axis_names
        ax.set(xlabel=across, ylabel=up, xticks=[], yticks=[])
        self.ax_ = ax
        self.figure_ = ax.figure  # pyright: ignore[reportAttributeAccessIssue]
        return self


def _on_a_scale(labels: NDArray[Any], continuous: bool) -> tuple[bool, NDArray[Any]]:
    """Whether labels are numbers on a scale, and then as float64, NaN for those that are blank.

    continuous: that they are; otherwise it is so where they are numbers that are not all whole.
    Raises ValueError for labels that are to be numbers, and are not.
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


def _in_the_plane(
    features: NDArray[np.floating], method: str, seed: int | None
) -> tuple[NDArray[np.floating], tuple[str, str]]:
    """Points (n, 2), and what the axes are."""
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

        near = min(30.0, (len(features) - 1) / 3)
        found = TSNE(2, perplexity=near, init="pca", random_state=seed).fit_transform(features)
        return found, ("t-SNE 1", "t-SNE 2")
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError:
            raise MissingExtraError("umap", "umap", 'method="umap"') from None
        if len(features) < 4:
            raise ConfigError(f"UMAP needs 4 rows at least, not {len(features)}; use method='pca'")
        near = min(15, len(features) - 1)
        found: Any = UMAP(n_components=2, n_neighbors=near, random_state=seed, n_jobs=1)
        return np.asarray(found.fit_transform(features)), ("UMAP 1", "UMAP 2")
    raise unknown_name("method", method, METHODS)

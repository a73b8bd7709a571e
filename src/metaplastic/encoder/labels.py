"""Labels in the convention of scikit-learn's semi-supervised estimators: -1 means unlabelled."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets


def split_labels(y: Any, count: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the labels (n,) and a mask of the labelled rows.

    -1 and NaN mean unlabelled, and so does None in an array of objects. If there is nothing but -1
    and 1, both are taken as classes, with a warning: two classes are often written so, and one
    class alone could not be learned. Raises ValueError for labels of the wrong number or kind, and
    if no row is labelled.
    """
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: give a label, or -1, for each row"
        )
    y = column_or_1d(y, warn=True, dtype=None)
    if len(y) != count:
        raise ValueError(f"X has {count} rows and y {len(y)} labels; give -1 for unknown labels")
    if y.dtype.kind == "O":
        labelled = np.array([not is_missing(label) for label in y], bool)
    elif y.dtype.kind == "f":
        if np.isinf(y).any():
            raise ValueError("Input y contains infinity; give -1 for unknown labels")
        labelled = (y != -1) & ~np.isnan(y)
    else:
        labelled = y != -1 if y.dtype.kind in "iu" else np.ones(len(y), bool)
    if y.dtype.kind in "if" and set(np.unique(y).tolist()) == {-1, 1}:
        warnings.warn(
            "y holds only -1 and 1, which are taken for two classes; if -1 means that a label is "
            "unknown, add labels of a second class",
            stacklevel=4,
        )
        labelled[:] = True
    if not labelled.any():
        raise ValueError(
            "no row is labelled: all of y is -1 or missing; give labels of at least two classes"
        )
    return y, labelled


def is_missing(label: Any) -> bool:
    """Return whether a label means unlabelled: -1, None, NaN, or pandas' NA."""
    return is_blank(label) or (not isinstance(label, str | bool) and label == -1)


def is_blank(value: Any) -> bool:
    """Return whether a value is None, NaN, or pandas' NA."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    # by type name, to avoid importing pandas; comparing an NA gives no truth value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def encode(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the sorted classes and the class index of each label. Raises ValueError for labels
    that are not classes, and for a single class."""
    if labels.dtype.kind == "O":
        kinds = {type(label) for label in labels}
        if kinds <= {str}:
            pass
        elif all(issubclass(kind, int | np.integer) for kind in kinds):
            labels = labels.astype(np.int64)
        else:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"labels of mixed types ({names}); give only text, or only integers")
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"all labelled rows are of one class, {classes[0]!r}; give labels of at least two"
        )
    return classes, codes

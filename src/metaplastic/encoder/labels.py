"""Labels as scikit-learn's semi-supervised estimators take them: -1 where a row has none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets


def split_labels(y: Any, count: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The labels (n,) and which rows have one.

    -1 and NaN mean none, and in an array of objects None does too. Where there is nothing but -1
    and 1, both are classes, with a warning: two classes are often written so, and one class alone
    could not be learned. Raises ValueError for labels of another number or kind, and where fewer
    than two classes are labelled.
    """
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: give a label, or -1, for each row"
        )
    y = column_or_1d(y, warn=True, dtype=None)
    if len(y) != count:
        raise ValueError(f"X has {count} rows and y {len(y)} labels; give -1 where one is unknown")
    if y.dtype.kind == "O":
        labelled = np.array([not is_missing(label) for label in y], bool)
    elif y.dtype.kind == "f":
        if np.isinf(y).any():
            raise ValueError("Input y contains infinity; give -1 where a label is unknown")
        labelled = (y != -1) & ~np.isnan(y)
    else:
        labelled = y != -1 if y.dtype.kind in "iu" else np.ones(len(y), bool)
    if y.dtype.kind in "if" and set(np.unique(y).tolist()) == {-1, 1}:
        warnings.warn(
            "y holds nothing but -1 and 1, which are taken for two classes; where -1 means that a "
            "label is unknown, labels of a second class are needed",
            stacklevel=4,
        )
        labelled[:] = True
    if not labelled.any():
        raise ValueError(
            "no row is labelled: y is -1 or blank throughout; give labels of two classes"
        )
    return y, labelled


def is_missing(label: Any) -> bool:
    """Whether a label says that there is none: -1, None, NaN, or pandas' NA."""
    return is_blank(label) or (not isinstance(label, str | bool) and label == -1)


def is_blank(value: Any) -> bool:
    """Whether a value is None, NaN, or pandas' NA."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    # by its name, so that pandas need not be imported; comparing an NA gives no truth value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def encode(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The classes, sorted, and the index of each label's class. Raises ValueError for labels that
    are no classes, and for a single one."""
    if labels.dtype.kind == "O":
        kinds = {type(label) for label in labels}
        if kinds <= {str}:
            pass
        elif all(issubclass(kind, int | np.integer) for kind in kinds):
            labels = labels.astype(np.int64)
        else:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"labels of the types {names}; give text alone, or integers alone")
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"the labelled rows are all of one class, {classes[0]!r}; labels of two are needed"
        )
    return classes, codes

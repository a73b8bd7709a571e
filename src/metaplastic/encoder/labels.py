"""Labels in the convention of scikit-learn's semi-supervised estimators: -1 means unlabelled."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

KINDS = "biufUO"  # of arrays that hold classes: booleans, integers, numbers, text, objects
UNKNOWN_AS_TEXT = ("-1", "-1.0", "nan")


def as_labels(y: Any, *, warn: bool = False) -> NDArray[Any]:
    """Return labels as an array (n,). warn: of a column vector.

    Raises ValueError if they are not one column, and for an array of text that holds "-1" or "nan":
    NumPy turns a number among text into text, which would be a class.
    """
    given = y
    if isinstance(y, list | tuple) and 0 < sum(isinstance(label, str) for label in y) < len(y):
        y = np.asarray(y, object)
    y = column_or_1d(y, warn=warn, dtype=None)
    is_list = isinstance(given, list | tuple)
    if y.dtype.kind == "f" and is_list and all(isinstance(label, int) for label in given):
        y = np.asarray(given, object)  # integers beyond int64, which NumPy rounded
    if y.dtype.kind in "US":
        for text in UNKNOWN_AS_TEXT:
            if np.any(y == np.array(text, y.dtype.kind)):
                raise ValueError(
                    f"labels are text and hold {text!r}; use an object array with None (or -1) for "
                    "unknown labels"
                )
    return y


def split_labels(
    y: Any, count: int, *, stacklevel: int = 4
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the labels (n,) and a mask of the labelled rows.

    -1 and NaN mean unlabelled, and so does None in an array of objects. If there is nothing but -1
    and 1, both are taken as classes, with a warning: two classes are often written so, and one
    class alone could not be learned. Raises ValueError for labels of the wrong number or kind, and
    if no row is labelled. stacklevel: of the warning.
    """
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: give a label, or -1, for each row"
        )
    y = as_labels(y, warn=True)
    if len(y) != count:
        raise ValueError(f"X has {count} rows and y {len(y)} labels; give -1 for unknown labels")
    if y.dtype.kind not in KINDS:
        raise ValueError(f"labels of type {y.dtype}; give text, integers or booleans")
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
            stacklevel=stacklevel,
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
    labels = of_one_type(labels)
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"all labelled rows are of one class, {classes[0]!r}; give labels of at least two"
        )
    return classes, codes


def of_one_type(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in an array of objects, none of them missing, as booleans, integers or numbers,
    or as objects that are all str. Raises ValueError if they are none of these."""
    if labels.dtype.kind != "O":
        return labels
    kinds = {type(label) for label in labels}

    def all_are(*types: type) -> bool:
        return all(issubclass(kind, types) for kind in kinds)

    if all_are(str):  # np.str_ too
        return np.array([str(label) for label in labels], object)
    if all_are(bool, np.bool_):
        return labels.astype(bool)
    if all_are(float, np.floating):
        return labels.astype(np.float64)
    # a bool is an int too
    if all_are(int, np.integer) and bool not in kinds:
        try:
            return labels.astype(np.int64)
        except OverflowError:
            largest = max(labels, key=lambda label: abs(int(label)))
            raise ValueError(
                f"label {largest} is beyond the range of int64; give such labels as text"
            ) from None
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    types = f"mixed types ({names})" if len(kinds) > 1 else f"type {names}"
    raise ValueError(f"labels of {types}; give only text, only integers or only booleans")

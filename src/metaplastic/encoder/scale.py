"""Standardisation of the inputs, and the choice between one scale and one per column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from metaplastic.encoder.moments import Moments

Numbers: TypeAlias = float | NDArray[np.float64]

SCALES = ("auto", "columns", "global")
LIMIT = 10.0  # standard deviations; values further out are clipped
EVEN = 0.45  # evenness of the columns' variances at or above which they share one scale


@dataclass(frozen=True)
class InputScale:
    """x ↦ clip((x − mean) / std, −limit, limit).

    mean, std: one number each, over all inputs, or arrays (d,), one value per column; in units of
    the inputs. limit: in standard deviations, infinite for no clipping.
    """

    mean: Numbers
    std: Numbers
    limit: float = np.inf

    @property
    def by_column(self) -> bool:
        """Whether each column has its own scale."""
        return np.ndim(self.std) > 0


def scale_of(moments: Moments) -> InputScale:
    """Return the scale of inputs with these moments, over all inputs or per column.

    Inputs that are standardised by column are clipped at ten standard deviations: a single outlier,
    as in heavy-tailed columns, would dominate its row. Constant columns get standard deviation 1,
    or 1e-12 of their size if that is larger.
    """
    mean, std = np.asarray(moments.mean), np.asarray(moments.std)
    smallest = 1e-12 * np.abs(mean)
    constant = (std <= smallest) | (std == 0.0)
    std = np.where(constant, np.maximum(1.0, smallest), std)
    if std.ndim:
        return InputScale(mean, std, LIMIT)
    return InputScale(float(mean), float(std))


def evenness(columns: Moments) -> float:
    """Return how even the variances v of the d non-constant columns are:
    ((Σ v)² / Σ v² - 1) / (d - 1).

    It is 1 if all are equal, and for a single column; 0 if one of several has all of the variance.
    Columns of one unit, such as pixels, samples of a signal or answers coded 0 and 1, are near 1;
    columns of different units are near 0.
    """
    mean, std = np.abs(columns.mean), np.asarray(columns.std)
    varying = std[std > 1e-12 * mean]
    if varying.size < 2:
        return 1.0
    variance = np.square(varying / varying.max())
    effective = float(variance.sum() ** 2 / np.square(variance).sum())  # number of columns
    return (effective - 1) / (varying.size - 1)


def choose_scale(setting: str, columns: Moments) -> str:
    """Return "columns" or "global"; "auto" becomes "global" if the columns' variances are even
    enough (`evenness` of at least 0.45) to be of one unit."""
    if setting != "auto":
        return setting
    return "global" if evenness(columns) >= EVEN else "columns"

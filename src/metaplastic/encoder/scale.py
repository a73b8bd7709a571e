"""What inputs are standardised by, and the rule that decides between one scale and one a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from metaplastic.encoder.moments import Moments

Numbers: TypeAlias = float | NDArray[np.float64]

SCALES = ("auto", "columns", "global")
LIMIT = 10.0  # standard deviations; a value further out is taken to lie there
EVEN = 0.45  # evenness of the columns' variances from which they share one scale


@dataclass(frozen=True)
class InputScale:
    """x ↦ clip((x − mean) / std, −limit, limit).

    mean, std: one number each, of all inputs, or arrays (d,), of each column; in units of the
    inputs. limit: in standard deviations, infinite for none.
    """

    mean: Numbers
    std: Numbers
    limit: float = np.inf

    @property
    def by_column(self) -> bool:
        """Whether each column has a scale of its own."""
        return np.ndim(self.std) > 0


def scale_of(moments: Moments) -> InputScale:
    """The scale of inputs with these moments, of all inputs or of each column.

    Inputs that are standardised by column are clipped at ten standard deviations: one value far
    out, as heavy-tailed columns have, would outweigh all else in its row. Constant numbers have
    standard deviation 1, or that of their own size where they are so large that 1 is nothing
    beside it.
    """
    mean, std = np.asarray(moments.mean), np.asarray(moments.std)
    least = 1e-12 * np.abs(mean)
    constant = (std <= least) | (std == 0.0)
    std = np.where(constant, np.maximum(1.0, least), std)
    if std.ndim:
        return InputScale(mean, std, LIMIT)
    return InputScale(float(mean), float(std))


def evenness(columns: Moments) -> float:
    """How alike the variances v of those d columns are that vary: ((Σ v)² / Σ v² - 1) / (d - 1).

    It is 1 where all are equal, and for a single column; 0 where one of several has all of the
    variance. Columns of one unit, as pixels, samples of a signal or answers coded 0 and 1, come
    near 1; columns of different units come near 0.
    """
    mean, std = np.abs(columns.mean), np.asarray(columns.std)
    varying = std[std > 1e-12 * mean]
    if varying.size < 2:
        return 1.0
    variance = np.square(varying / varying.max())
    effective = float(variance.sum() ** 2 / np.square(variance).sum())  # number of columns
    return (effective - 1) / (varying.size - 1)


def decide(given: str, columns: Moments) -> str:
    """ "columns" or "global", where `given` is "auto": "global" where the columns' variances are so
    even (`evenness` of at least 0.45) that they can be of one unit."""
    if given != "auto":
        return given
    return "global" if evenness(columns) >= EVEN else "columns"

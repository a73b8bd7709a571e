"""Save and load a fitted regressor as a safetensors file (format: `semi_supervised_files`)."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from metaplastic.encoder.regression_readouts import AVERAGED, RegressionReadout
from metaplastic.encoder.semi_supervised_files import Facts, Positive, read, shared_facts, write
from metaplastic.errors import ModelFileError

if TYPE_CHECKING:
    from metaplastic.encoder.regressor import PlasticRegressor

KIND = "regressor"

R = TypeVar("R", bound="PlasticRegressor")


class _Readout(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    penalty: Positive
    rmse: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    r2: float | None  # None: not defined


class _RegressorFacts(Facts):
    readouts: dict[str, _Readout]


def save_regressor(regressor: PlasticRegressor, path: str | PathLike[str]) -> None:
    """Write a fitted regressor, all or nothing. Raises scikit-learn's NotFittedError, and
    `ModelFileError` if the file cannot be written."""
    facts = _RegressorFacts(
        **shared_facts(regressor),
        readouts={
            name: _Readout(
                penalty=readout.penalty,
                rmse=readout.rmse,
                r2=None if np.isnan(readout.r2) else readout.r2,
            )
            for name, readout in regressor.readouts_.items()
        },
    )
    write(regressor, facts, KIND, path)


def load_regressor(path: str | PathLike[str], kind: type[R]) -> R:
    """Load a fitted regressor; its predictions are bit-identical to those of the saved one.

    Raises `ModelFileError` on a file that is missing, damaged, newer or of another kind.
    """
    loaded = read(path, KIND, kind, _RegressorFacts)
    regressor, readouts = loaded.estimator, loaded.facts.readouts
    if set(readouts) != set(AVERAGED[loaded.facts.readout]):
        raise ModelFileError(
            f"{loaded.where}: does not hold the readouts of {loaded.facts.readout!r}"
        )
    regressor.readouts_ = {
        name: RegressionReadout(
            *loaded.linear_map(name),
            penalty=readouts[name].penalty,
            rmse=readouts[name].rmse,
            r2=float("nan") if (r2 := readouts[name].r2) is None else r2,
        )
        for name in AVERAGED[loaded.facts.readout]
    }
    return regressor

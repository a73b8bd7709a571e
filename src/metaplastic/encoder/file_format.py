"""The format of a fitted encoder's file, which `files` writes and `unpacking` reads.

Arrays: `phi.*`, `rule.*`, `state.*`, `mean.l`, `variance.l` (of batch norm), `activity.mean.l`,
`activity.variance.l` (of the blocks read), `scale.*`, `moments.*`, `score_curve`. Metadata, all
strings: `format`, `format_version`, what a rule file says of its rule, and `encoder` (JSON). Rows
of data are never in it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metaplastic.base_model import Phi
from metaplastic.encoder.parameters import BATCH_SIZE, INNER_STEPS
from metaplastic.errors import ModelFileError
from metaplastic.hub import container

FORMAT = "metaplastic-encoder"
# version 1 had one scale for all inputs, and read the last layer alone; version 2 knew perceptrons
# alone, which are still written as it
FORMAT_VERSION = 3
SIZE_LIMIT = 16 * 2**30
AGE = "state.age"

Arrays = dict[str, NDArray[np.generic]]
PARTS = ("mean", "std")

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Spread = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Size = Annotated[int, Field(ge=1, lt=2**31)]


class Facts(BaseModel):
    """What a fitted encoder is besides its arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Any]
    rule_given: str | None  # None: the rule was an object
    sizes: tuple[_Size, ...]
    model: dict[str, Any] | None = None  # None: a perceptron of `sizes`
    scale: Literal["columns", "global"] | tuple[_Number, _Positive]  # numbers: version 1
    moments: _Count | tuple[_Count, _Number, _Spread]  # the count; three numbers: version 1
    n_seen: _Count
    n_iter: _Count
    feature_names: list[str] | None
    horizon: tuple[_Count, _Count] = (INNER_STEPS, BATCH_SIZE)

    @model_validator(mode="after")
    def _one_name_per_input(self) -> Facts:
        if self.feature_names is not None and len(self.feature_names) != self.sizes[0]:
            raise ValueError("as many feature names as inputs are needed")
        return self


def names_of(phi: Phi) -> dict[str, Any]:
    """φ's arrays as files name them: weights.0, biases.0, backward.0 and so on."""
    return {"weights": phi.weights, "biases": phi.biases, "backward": phi.backward}


def version_of(contents: container.Contents, where: str, form: str, newest: int) -> int:
    """The version of a file of that format. Raises `ModelFileError` on others."""
    given = contents.metadata.get("format"), contents.metadata.get("format_version")
    for version in range(1, newest + 1):
        if given == (form, str(version)):
            return version
    hints = {
        FORMAT: "PlasticEncoder.load",
        "metaplastic-classifier": "PlasticClassifier.load",
        "metaplastic-regressor": "PlasticRegressor.load",
    }
    hint = f"; {hints[given[0]]} reads it" if given[0] in hints and given[0] != form else ""
    raise ModelFileError(
        f"{where}: format {container.shown(given[0])}, version {container.shown(given[1])}; this "
        f"reads {form!r}, versions 1 to {newest}{hint}"
    )

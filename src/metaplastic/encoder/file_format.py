"""The file format of a fitted encoder, which `files` writes and `unpacking` reads.

Arrays: `phi.*`, `rule.*`, `state.*`, `mean.l`, `variance.l` (of batch norm), `activity.mean.l`,
`activity.variance.l` (of the blocks read), `scale.*`, `moments.*`, `score_curve`, and
`feature_names` if they are too long for the description. Metadata, all strings: `format`,
`format_version`, the metadata of a rule file, and `encoder` (JSON), the description. The file holds
no rows of data, except with `neighbours`: the standardised rows before and after each round of
averaging but the last, `neighbours.rows.r`, and `neighbours.mean.l`, `neighbours.variance.l` of the
blocks read of averaged rows.
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
# version 1 had one scale for all inputs and read only the last layer; version 2 supported only
# perceptrons, which are still written in version 2; version 4 has neighbours, without which files
# are still written in version 2 or 3; version 5 has long feature names in an array
FORMAT_VERSION = 5
SIZE_LIMIT = 16 * 2**30
AGE = "state.age"
NAMES = "feature_names"

Arrays = dict[str, NDArray[np.generic]]
PARTS = ("mean", "std")

# what reads the files of each format
LOADERS = {
    FORMAT: "PlasticEncoder.load",
    "metaplastic-classifier": "PlasticClassifier.load",
    "metaplastic-regressor": "PlasticRegressor.load",
    "metaplastic-rule": "metaplastic.load_rule",
}

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Spread = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Size = Annotated[int, Field(ge=1, lt=2**31)]


class Facts(BaseModel):
    """Description of a fitted encoder: everything besides its arrays."""

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
    neighbours: _Count = 0  # of each row; 0: the file holds no rows

    @model_validator(mode="after")
    def _one_name_per_input(self) -> Facts:
        if self.feature_names is not None and len(self.feature_names) != self.sizes[0]:
            raise ValueError("the number of feature names is not the number of inputs")
        return self


def names_of(phi: Phi) -> dict[str, Any]:
    """Return φ's arrays under their names in files: weights.0, biases.0, backward.0 and so on."""
    return {"weights": phi.weights, "biases": phi.biases, "backward": phi.backward}


def version_of(contents: container.Contents, where: str, form: str, newest: int) -> int:
    """Return the version of a file of format `form`. Raises `ModelFileError` on others."""
    name, number = contents.metadata.get("format"), contents.metadata.get("format_version")
    for version in range(1, newest + 1):
        if (name, number) == (form, str(version)):
            return version
    if name == form and is_newer(number, newest):
        raise ModelFileError(
            f"{where}: format version {number}, but this version of metaplastic reads up to "
            f"{newest}; upgrade metaplastic"
        )
    hint = f"; {LOADERS[name]} reads it" if name in LOADERS and name != form else ""
    raise ModelFileError(
        f"{where}: format {container.shown(name)}, version {container.shown(number)}; expected "
        f"{form!r}, versions 1 to {newest}{hint}"
    )


def is_newer(number: str | None, newest: int) -> bool:
    """Return whether a version of a file is a number above `newest`."""
    text = number or ""
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) > newest

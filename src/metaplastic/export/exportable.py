"""The network that an export writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.utils.validation import check_is_fitted

from metaplastic.encoder.network import Network
from metaplastic.errors import ConfigError

if TYPE_CHECKING:
    from metaplastic.encoder import PlasticEncoder


def exportable(encoder: PlasticEncoder) -> Network:
    """Return a fitted encoder's network. Raises NotFittedError, and ConfigError if the encoder
    averages rows over their neighbours, which is a search among the fitted rows."""
    check_is_fitted(encoder, "network_")
    if encoder._neighbourhood is not None:
        raise ConfigError(
            f"an encoder with neighbours={encoder._neighbourhood.averaging.k} cannot be exported: "
            "it searches the fitted rows; fit it with neighbours=0"
        )
    return encoder.network_

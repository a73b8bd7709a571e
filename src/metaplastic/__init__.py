"""Meta-train unsupervised, neuron-local update rules, and learn features with them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from metaplastic import forks as forks  # registers its hook for forks
from metaplastic import lazy
from metaplastic._version import __version__

if TYPE_CHECKING:
    from metaplastic.encoder import (
        EmbeddingDisplay,
        PlasticClassifier,
        PlasticEncoder,
        PlasticRegressor,
    )
    from metaplastic.hub import RuleCard, load_card, load_rule, save_rule

# to see the library's log messages: logging.basicConfig(level=logging.INFO)
logging.getLogger(__name__).addHandler(logging.NullHandler())

# lazy, so that the command line's --help does not wait for the import of JAX
__getattr__ = lazy.exports(
    __name__,
    {
        "EmbeddingDisplay": "metaplastic.encoder.embedding",
        "PlasticClassifier": "metaplastic.encoder.classifier",
        "PlasticEncoder": "metaplastic.encoder.estimator",
        "PlasticRegressor": "metaplastic.encoder.regressor",
        "RuleCard": "metaplastic.hub.card",
        "load_card": "metaplastic.hub.rule_file",
        "load_rule": "metaplastic.hub.rule_file",
        "save_rule": "metaplastic.hub.rule_file",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "EmbeddingDisplay",
    "PlasticClassifier",
    "PlasticEncoder",
    "PlasticRegressor",
    "RuleCard",
    "__version__",
    "load_card",
    "load_rule",
    "save_rule",
]

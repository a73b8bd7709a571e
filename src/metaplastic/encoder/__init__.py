"""scikit-learn estimators: `PlasticEncoder`, `PlasticClassifier`, `PlasticRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy

if TYPE_CHECKING:
    from metaplastic.encoder.classifier import PlasticClassifier
    from metaplastic.encoder.embedding import EmbeddingDisplay
    from metaplastic.encoder.estimator import PlasticEncoder
    from metaplastic.encoder.network import Affine, Network
    from metaplastic.encoder.regressor import PlasticRegressor

__getattr__ = lazy.exports(
    __name__,
    {
        "Affine": "metaplastic.encoder.network",
        "EmbeddingDisplay": "metaplastic.encoder.embedding",
        "Network": "metaplastic.encoder.network",
        "PlasticClassifier": "metaplastic.encoder.classifier",
        "PlasticEncoder": "metaplastic.encoder.estimator",
        "PlasticRegressor": "metaplastic.encoder.regressor",
    },
)

__all__ = [
    "Affine",
    "EmbeddingDisplay",
    "Network",
    "PlasticClassifier",
    "PlasticEncoder",
    "PlasticRegressor",
]

"""`PlasticEncoder`, the scikit-learn transformer: features from a rule and unlabelled rows."""

from metaplastic.encoder.estimator import PlasticEncoder
from metaplastic.encoder.network import Affine, Network

__all__ = ["Affine", "Network", "PlasticEncoder"]

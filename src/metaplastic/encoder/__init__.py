"""`PlasticEncoder` and `PlasticClassifier`, scikit-learn estimators: a rule and unlabelled rows."""

from metaplastic.encoder.classifier import PlasticClassifier
from metaplastic.encoder.estimator import PlasticEncoder
from metaplastic.encoder.network import Affine, Network

__all__ = ["Affine", "Network", "PlasticClassifier", "PlasticEncoder"]

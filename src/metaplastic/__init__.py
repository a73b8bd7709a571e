"""Meta-train unsupervised, neuron-local update rules, and learn features with them."""

from metaplastic._version import __version__

__all__ = ["__version__"]

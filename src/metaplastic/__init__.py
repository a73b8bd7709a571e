"""Meta-train unsupervised, neuron-local update rules, and learn features with them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from metaplastic import forks as forks  # watches for forks from now on
from metaplastic._version import __version__

if TYPE_CHECKING:
    from metaplastic.encoder import PlasticClassifier, PlasticEncoder
    from metaplastic.hub import RuleCard, load_card, load_rule, save_rule

# imported on first use, so that the command line's --help does not wait for JAX
_HOMES = {
    "PlasticClassifier": "metaplastic.encoder",
    "PlasticEncoder": "metaplastic.encoder",
    "RuleCard": "metaplastic.hub",
    "load_card": "metaplastic.hub",
    "load_rule": "metaplastic.hub",
    "save_rule": "metaplastic.hub",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'metaplastic' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "PlasticClassifier",
    "PlasticEncoder",
    "RuleCard",
    "__version__",
    "load_card",
    "load_rule",
    "save_rule",
]

"""Engines: who computes gradients, one a file."""

from metaplastic.meta.engines.engine import Engine, Gathered
from metaplastic.meta.engines.local import LocalEngine

__all__ = ["Engine", "Gathered", "LocalEngine"]

"""Engines compute gradients; there is one per file. To add one, add a line to `ENGINES` too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.meta.engines.engine import Engine, EngineOptions, Gathered
    from metaplastic.meta.engines.local import LocalEngine
    from metaplastic.meta.engines.mesh import MeshEngine
    from metaplastic.meta.engines.ray_engine import RayEngine

ENGINES: Registry[type[Engine]] = Registry(
    "engine",
    {
        "local": "metaplastic.meta.engines.local:LocalEngine",
        "mesh": "metaplastic.meta.engines.mesh:MeshEngine",
        "ray": "metaplastic.meta.engines.ray_engine:RayEngine",
    },
    group="engines",
    base="metaplastic.meta.engines.engine:Engine",
)

__getattr__ = lazy.exports(
    __name__,
    {
        "Engine": "metaplastic.meta.engines.engine",
        "EngineOptions": "metaplastic.meta.engines.engine",
        "Gathered": "metaplastic.meta.engines.engine",
        "LocalEngine": "metaplastic.meta.engines.local",
        "MeshEngine": "metaplastic.meta.engines.mesh",
        "RayEngine": "metaplastic.meta.engines.ray_engine",
    },
)


__all__ = [
    "ENGINES",
    "Engine",
    "EngineOptions",
    "Gathered",
    "LocalEngine",
    "MeshEngine",
    "RayEngine",
]

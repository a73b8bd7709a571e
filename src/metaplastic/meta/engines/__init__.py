"""Engines: who computes gradients, one a file. To add one: a new file, and a line in `ENGINES`."""

from metaplastic.errors import unknown_name
from metaplastic.meta.engines.engine import Engine, EngineOptions, Gathered
from metaplastic.meta.engines.local import LocalEngine
from metaplastic.meta.engines.mesh import MeshEngine
from metaplastic.meta.engines.ray_engine import RayEngine

ENGINES: dict[str, type[Engine]] = {"local": LocalEngine, "mesh": MeshEngine, "ray": RayEngine}


def get_engine(name: str) -> type[Engine]:
    """The engine of that name; raises `ConfigError` on an unknown one."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    return ENGINES[name]


__all__ = [
    "ENGINES",
    "Engine",
    "EngineOptions",
    "Gathered",
    "LocalEngine",
    "MeshEngine",
    "RayEngine",
    "get_engine",
]

"""Baselines that the learned rule is compared with, one a file. To add one: a new file, and a line
in `BASELINES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.evaluation.baselines.baseline import (
        Baseline,
        Encoder,
        LabelledBaseline,
        Unlabelled,
    )

_ROOM = "metaplastic.evaluation.baselines"

BASELINES: Registry[type[Baseline]] = Registry(
    "baseline",
    {
        "random": f"{_ROOM}.random_network:RandomNetwork",
        "random-all": f"{_ROOM}.random_network_all:RandomNetworkAll",
        "raw": f"{_ROOM}.raw:Raw",
        "raw-logistic": f"{_ROOM}.raw_logistic:RawLogistic",
        "random-forest": f"{_ROOM}.random_forest:RandomForest",
        "supervised": f"{_ROOM}.supervised:Supervised",
        "label-spreading": f"{_ROOM}.label_spreading:LabelSpreading",
        "self-training": f"{_ROOM}.self_training:SelfTraining",
        "neighbour-mean": f"{_ROOM}.neighbour_mean:NeighbourMean",
        "vae": f"{_ROOM}.vae:Vae",
        "dae": f"{_ROOM}.denoising:Denoising",
        "pca": f"{_ROOM}.pca:Pca",
        "pca-own": f"{_ROOM}.own_width:PcaOwn",
        "pca-white": f"{_ROOM}.pca_whitened:PcaWhitened",
        "spectral": f"{_ROOM}.spectral:Spectral",
        "spectral-own": f"{_ROOM}.own_width:SpectralOwn",
        "umap": f"{_ROOM}.umap:Umap",
        "umap-own": f"{_ROOM}.own_width:UmapOwn",
        "kmeans": f"{_ROOM}.kmeans:KMeans",
        "kmeans-512": f"{_ROOM}.kmeans_512:KMeans512",
        "kmeans-patches": f"{_ROOM}.kmeans_patches:KMeansPatches",
        "rbm": f"{_ROOM}.rbm:Rbm",
        "hebbian": f"{_ROOM}.hebbian:HebbianBaseline",
    },
    group="baselines",
    base="metaplastic.evaluation.baselines.baseline:Baseline",
)

__getattr__ = lazy.exports(
    __name__,
    dict.fromkeys(("Baseline", "Encoder", "LabelledBaseline", "Unlabelled"), f"{_ROOM}.baseline"),
)


def make_baseline(name: str, **settings: Any) -> Baseline:
    """The baseline of that name; raises `ConfigError` on an unknown one."""
    return BASELINES.get(name)(**settings)


__all__ = [
    "BASELINES",
    "Baseline",
    "Encoder",
    "LabelledBaseline",
    "Unlabelled",
    "make_baseline",
]

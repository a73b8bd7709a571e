"""Baselines that the learned rule is compared with, one per file. To add one, write a new file and
add a line to `BASELINES`."""

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

_PACKAGE = "metaplastic.evaluation.baselines"

BASELINES: Registry[type[Baseline]] = Registry(
    "baseline",
    {
        "random": f"{_PACKAGE}.random_network:RandomNetwork",
        "random-all": f"{_PACKAGE}.random_network_all:RandomNetworkAll",
        "random-averaged": f"{_PACKAGE}.random_network_averaged:RandomNetworkAveraged",
        "raw": f"{_PACKAGE}.raw:Raw",
        "raw-logistic": f"{_PACKAGE}.raw_logistic:RawLogistic",
        "random-forest": f"{_PACKAGE}.random_forest:RandomForest",
        "supervised": f"{_PACKAGE}.supervised:Supervised",
        "label-spreading": f"{_PACKAGE}.label_spreading:LabelSpreading",
        "self-training": f"{_PACKAGE}.self_training:SelfTraining",
        "neighbour-mean": f"{_PACKAGE}.neighbour_mean:NeighbourMean",
        "vae": f"{_PACKAGE}.vae:Vae",
        "dae": f"{_PACKAGE}.denoising:Denoising",
        "pca": f"{_PACKAGE}.pca:Pca",
        "pca-own": f"{_PACKAGE}.own_width:PcaOwn",
        "pca-white": f"{_PACKAGE}.pca_whitened:PcaWhitened",
        "spectral": f"{_PACKAGE}.spectral:Spectral",
        "spectral-own": f"{_PACKAGE}.own_width:SpectralOwn",
        "umap": f"{_PACKAGE}.umap:Umap",
        "umap-own": f"{_PACKAGE}.own_width:UmapOwn",
        "kmeans": f"{_PACKAGE}.kmeans:KMeans",
        "kmeans-512": f"{_PACKAGE}.kmeans_512:KMeans512",
        "kmeans-patches": f"{_PACKAGE}.kmeans_patches:KMeansPatches",
        "rbm": f"{_PACKAGE}.rbm:Rbm",
        "hebbian": f"{_PACKAGE}.hebbian:HebbianBaseline",
    },
    group="baselines",
    base="metaplastic.evaluation.baselines.baseline:Baseline",
    named_by="name",
)

__getattr__ = lazy.exports(
    __name__,
    dict.fromkeys(
        ("Baseline", "Encoder", "LabelledBaseline", "Unlabelled"), f"{_PACKAGE}.baseline"
    ),
)


def make_baseline(name: str, **settings: Any) -> Baseline:
    """Make the baseline of that name. Raises `ConfigError` if the name is unknown."""
    return BASELINES.get(name)(**settings)


__all__ = [
    "BASELINES",
    "Baseline",
    "Encoder",
    "LabelledBaseline",
    "Unlabelled",
    "make_baseline",
]

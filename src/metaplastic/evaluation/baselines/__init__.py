"""Rivals of the learned rule, one a file. To add one: a new file, and a line in `_ALL`."""

from __future__ import annotations

from typing import Any

from metaplastic.errors import unknown_name
from metaplastic.evaluation.baselines.baseline import (
    Baseline,
    Encoder,
    LabelledBaseline,
    Unlabelled,
)
from metaplastic.evaluation.baselines.denoising import Denoising
from metaplastic.evaluation.baselines.hebbian import HebbianBaseline
from metaplastic.evaluation.baselines.kmeans import KMeans
from metaplastic.evaluation.baselines.kmeans_512 import KMeans512
from metaplastic.evaluation.baselines.label_spreading import LabelSpreading
from metaplastic.evaluation.baselines.neighbour_mean import NeighbourMean
from metaplastic.evaluation.baselines.own_width import PcaOwn, SpectralOwn, UmapOwn
from metaplastic.evaluation.baselines.pca import Pca
from metaplastic.evaluation.baselines.pca_whitened import PcaWhitened
from metaplastic.evaluation.baselines.random_forest import RandomForest
from metaplastic.evaluation.baselines.random_network import RandomNetwork
from metaplastic.evaluation.baselines.random_network_all import RandomNetworkAll
from metaplastic.evaluation.baselines.raw import Raw
from metaplastic.evaluation.baselines.raw_logistic import RawLogistic
from metaplastic.evaluation.baselines.rbm import Rbm
from metaplastic.evaluation.baselines.self_training import SelfTraining
from metaplastic.evaluation.baselines.spectral import Spectral
from metaplastic.evaluation.baselines.supervised import Supervised
from metaplastic.evaluation.baselines.umap import Umap
from metaplastic.evaluation.baselines.vae import Vae

_ALL: tuple[type[Baseline], ...] = (
    RandomNetwork,
    RandomNetworkAll,
    Raw,
    RawLogistic,
    RandomForest,
    Supervised,
    LabelSpreading,
    SelfTraining,
    NeighbourMean,
    Vae,
    Denoising,
    Pca,
    PcaOwn,
    PcaWhitened,
    Spectral,
    SpectralOwn,
    Umap,
    UmapOwn,
    KMeans,
    KMeans512,
    Rbm,
    HebbianBaseline,
)

BASELINES: dict[str, type[Baseline]] = {baseline.name: baseline for baseline in _ALL}


def make_baseline(name: str, **settings: Any) -> Baseline:
    """The baseline of that name; raises `ConfigError` on an unknown one."""
    if name not in BASELINES:
        raise unknown_name("baseline", name, BASELINES)
    return BASELINES[name](**settings)


__all__ = [
    "BASELINES",
    "Baseline",
    "Encoder",
    "LabelledBaseline",
    "Unlabelled",
    "make_baseline",
]

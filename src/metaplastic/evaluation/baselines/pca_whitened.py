"""Baseline `pca-white`: principal components, each scaled to unit variance."""

from __future__ import annotations

from metaplastic.evaluation.baselines.pca import Pca


class PcaWhitened(Pca):
    """As `pca`, whitened: the readout's penalty then weighs all components alike."""

    name = "pca-white"
    title = "PCA, whitened"
    whiten = True

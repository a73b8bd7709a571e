"""Baseline `pca-white`: principal components, each scaled to unit variance."""

from __future__ import annotations

from metaplastic.evaluation.baselines.pca import Pca


class PcaWhitened(Pca):
    """Whitened `pca`, so that the readout's penalty weights all components equally."""

    name = "pca-white"
    title = "PCA, whitened"
    whiten = True

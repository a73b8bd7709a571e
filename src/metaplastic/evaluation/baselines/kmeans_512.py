"""Baseline `kmeans-512`: k-means with triangle features, 512 of them whatever the base model."""

from __future__ import annotations

from pydantic import Field

from metaplastic.evaluation.baselines.kmeans import KMeans, KMeansSettings


class KMeans512Settings(KMeansSettings):
    """One run of Lloyd's algorithm: with so many centroids runs hardly differ."""

    restarts: int = Field(1, ge=1, description="runs of Lloyd's algorithm; the best is kept")


class KMeans512(KMeans):
    """Sixteen times the features of the default base model: what a wide dictionary gives.

    Twenty iterations: more change little (Coates and Ng stop after ten) and cost much.
    """

    name = "kmeans-512"
    title = "k-means, 512 features"
    Settings = KMeans512Settings
    centroids = 512
    iterations = 20

"""Baseline `kmeans-512`: k-means with triangle features, 512 of them for any base model."""

from __future__ import annotations

from pydantic import Field

from metaplastic.evaluation.baselines.kmeans import KMeans, KMeansSettings


class KMeans512Settings(KMeansSettings):
    """A single run of Lloyd's algorithm: with so many centroids, runs hardly differ."""

    restarts: int = Field(1, ge=1, description="runs of Lloyd's algorithm; the best is kept")


class KMeans512(KMeans):
    """A wide dictionary, with sixteen times the features of the default base model.

    Twenty iterations: more would cost much and change little (Coates and Ng stop after ten).
    """

    name = "kmeans-512"
    title = "k-means, 512 features"
    Settings = KMeans512Settings
    centroids = 512
    iterations = 20

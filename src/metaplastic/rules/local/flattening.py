"""A term that flattens the spectrum of the activity above: leading directions merge less."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Array, Float

from metaplastic.rules import lateral
from metaplastic.rules.local.terms import Link, Term, projected


class Flattening(Term):
    """`-cov(x, y) cov(y) √n / (mean var(y))²` with `y = x W`: the downward gradient of
    `¼ Σ_ij cov(y)²_ij`, which is largest where few directions hold most of the variance. As in
    every lateral term, covariances between units above count within groups only."""

    name: ClassVar[str] = "flattening"
    optional = True

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        y, covariance, variance = projected(link.layer, link.x)
        among = lateral.covariance(y).after(covariance)
        return -among * (link.layer.fan_in**0.5 / variance**2)

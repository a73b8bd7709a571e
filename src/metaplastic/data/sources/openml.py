"""openml:NAME — a data set on openml.org, by scikit-learn's fetcher."""

from __future__ import annotations

from typing import Any

from metaplastic.data.arrays import from_arrays
from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.locate import cache_dir
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

CARD = Card(
    name="openml",
    title="a data set on openml.org",
    kind="vector",
    origin="https://www.openml.org",
    licence="as stated there",
    citation="Vanschoren et al., OpenML, SIGKDD Explorations 15 (2013)",
    role="user",
    summary="NAME as on openml.org; version=N chooses a version, label=COLUMN another target",
)


def _load(request: Request) -> Dataset:
    from sklearn.datasets import fetch_openml

    name = request.rest
    version: Any = request.options.get("version", "active")
    if version != "active":
        if not version.isdigit():
            raise DataError(f"openml: version={version!r}; it must be a whole number")
        version = int(version)
    target = request.options.get("label", "default-target")
    request.progress(f"asking openml.org for {name}", 0, None)
    try:
        bunch: Any = fetch_openml(
            name,
            version=version,
            target_column=target,
            data_home=str(cache_dir() / "openml"),
            as_frame=False,
            parser="liac-arff",
        )
    except Exception as error:  # errors of the network, of the server's answer, of the parser
        text = str(error).split("\n")[0][:200] or type(error).__name__
        raise DataError(
            f"openml:{name} could not be fetched from openml.org ({text}); check the name and the "
            "connection"
        ) from error
    if bunch.target is None:
        raise DataError(f"openml:{name} has no target column; choose one with ?label=COLUMN")
    return from_arrays(
        bunch.data,
        bunch.target,
        name=f"openml:{name}",
        origin=f"https://www.openml.org ({name})",
        feature_names=getattr(bunch, "feature_names", None),
    )


SOURCE = Source(
    CARD, _load, is_scheme=True, options=("version", "label"), example="openml:mnist_784?version=1"
)

"""openml:NAME — a data set on openml.org, by scikit-learn's fetcher."""

from __future__ import annotations

from typing import Any

from metaplastic.data.arrays import from_arrays
from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.left_out import list_names, one_line
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
_CODED = "nominal columns coded as 0, 1, … in the order of their categories"
_DROPPED = "columns left out, which OpenML marks as "
_TARGET = "the default target is used as a feature, since another label was chosen"


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
        notes=_notes(bunch),
    )


def _notes(bunch: Any) -> tuple[str, ...]:
    """Say which columns were coded or left out, and whether another target is a feature."""
    features = [str(name) for name in getattr(bunch, "feature_names", None) or ()]
    used = {*features, *(getattr(bunch, "target_names", None) or ())}
    details = getattr(bunch, "details", None) or {}
    categories = getattr(bunch, "categories", None) or {}
    marked = {"row_id_attribute": "row identifier", "ignore_attribute": "to be ignored"}
    found = [
        ([name for name in features if name in categories], _CODED),
        *(
            ([name for name in _names(details.get(key)) if name not in used], _DROPPED + mark)
            for key, mark in marked.items()
        ),
        ([n for n in _names(details.get("default_target_attribute")) if n in features], _TARGET),
    ]
    return tuple(one_line(f"{text}: {list_names(names)}") for names, text in found if names)


def _names(given: Any) -> list[str]:
    """Return the names of columns in a description of OpenML: a list, or text with commas."""
    if isinstance(given, str):
        return [name.strip() for name in given.split(",") if name.strip()]
    return [str(name) for name in given or ()]


SOURCE = Source(
    CARD, _load, is_scheme=True, options=("version", "label"), example="openml:mnist_784?version=1"
)

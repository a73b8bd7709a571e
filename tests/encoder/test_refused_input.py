"""Columns that are not finite numbers are named; a failed fit leaves the estimator as it was."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticClassifier, PlasticEncoder, PlasticRegressor

ENCODER = PlasticEncoder(
    HEBBIAN, hidden_layer_sizes=(16,), n_components=8, max_iter=0, random_state=0
)
NUMBERS = np.random.default_rng(0).normal(size=(120, 3))
DAYS = np.arange("2020-01-01", "2020-04-30", dtype="M8[D]")


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("numbers", [0, 3])
def test_dates_are_named_and_not_converted(missing: bool, numbers: int) -> None:
    pandas = pytest.importorskip("pandas")
    days = DAYS.astype("M8[ns]")
    if missing:
        days[3] = "NaT"
    frame = pandas.DataFrame(NUMBERS[:, :numbers], columns=list("abc")[:numbers])
    frame["day"], frame["age"] = days, days - days[0]
    frame["zone"] = frame["day"].dt.tz_localize("UTC")
    frame["month"] = frame["day"].dt.to_period("M")
    words = "columns with dates or durations: day, age, zone, month; give numbers, such as days"
    with pytest.raises(ValueError, match=words):
        ENCODER.fit(frame)
    with pytest.raises(ValueError, match=r"X holds dates or durations \(dtype datetime64\[ns\]\)"):
        ENCODER.fit(days[:, None])


def test_dates_of_polars_are_named() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {"a": NUMBERS[:, 0], "day": DAYS, "age": (DAYS - DAYS[0]).astype("m8[ns]")}
    )
    with pytest.raises(ValueError, match="columns with dates or durations: day, age; give"):
        ENCODER.fit(frame)


COLUMNS: dict[str, list[Any]] = {
    "a": [1.0, np.inf, 2.0] * 40,
    "b": [1.0, None, 2.0] * 40,
    "town": ["x", "y", None] * 40,
    "count": [1, 2, 3] * 40,
}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_are_named_for_what_they_hold(library: str) -> None:
    frames = pytest.importorskip(library)
    with pytest.raises(ValueError, match="text: town; columns with missing values: b, town; colu"):
        ENCODER.fit(frames.DataFrame(COLUMNS))
    with pytest.raises(ValueError, match=r"\ncolumns with infinite values: a; fill in"):
        ENCODER.fit(frames.DataFrame({name: COLUMNS[name] for name in ("a", "count")}))


def test_objects_are_text_only_if_they_are() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": COLUMNS["a"], "c": [1, 2, 3] * 40}).astype({"c": object})
    frame["kind"] = pandas.Categorical([1, 2, 3] * 40)
    with pytest.raises(ValueError, match=r"\ncolumns with infinite values: a; fill in") as caught:
        ENCODER.fit(frame)
    assert "text" not in str(caught.value)
    frame["d"] = [date(2020, 1, 1)] * 120
    with pytest.raises(ValueError, match=r"\ncolumns with other objects: d; columns with infinite"):
        ENCODER.fit(frame)
    # a name may be given twice
    frame = pandas.DataFrame(np.full((120, 2), np.nan), columns=["x", "x"])
    with pytest.raises(ValueError, match="missing values: x, x; fill in"):
        ENCODER.fit(frame)


@pytest.mark.parametrize(
    ("kind", "known", "unknown"), [(PlasticClassifier, 1, -1), (PlasticRegressor, 1.0, np.nan)]
)
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(kind: Any, known, unknown) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(NUMBERS, columns=list("abc"))
    y = np.where(np.arange(120) % 3 == 0, known, np.where(NUMBERS[:, 0] > 0, 0, unknown))
    fitted = kind(ENCODER, readout="inputs").fit(frame, y)
    before = fitted.predict(frame)
    with pytest.raises(ValueError, match="no row"):
        fitted.fit(frame[["c", "b", "a"]], np.full(120, unknown))
    assert fitted.feature_names_in_.tolist() == list("abc")
    np.testing.assert_array_equal(fitted.predict(frame), before)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[["c", "b", "a"]])
    fresh = kind(ENCODER, readout="inputs")
    with pytest.raises(ValueError, match="no row"):
        fresh.fit(frame, np.full(120, unknown))
    assert not hasattr(fresh, "n_features_in_")

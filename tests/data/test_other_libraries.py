"""openml:, uci: and hf:, with mocks of the libraries that fetch the data."""

from __future__ import annotations

import builtins
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published import encoded, picture

from metaplastic.data import load
from metaplastic.errors import DataError, MissingExtraError


def _openml(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[dict]:
    calls: list[dict] = []

    def fetch_openml(name: str, **kwargs: Any) -> Any:
        calls.append({"name": name, **kwargs})
        if isinstance(answer, Exception):
            raise answer
        return types.SimpleNamespace(**answer)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    return calls


def test_openml(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    x = np.arange(60.0).reshape(20, 3)
    target = np.array(["a", "b"] * 10, dtype=object)
    calls = _openml(monkeypatch, {"data": x, "target": target})
    dataset = load("openml:iris?version=2&label=kind")
    assert dataset.class_names == ("a", "b")
    assert dataset.shape == (3,)
    assert calls[0]["name"] == "iris"
    assert calls[0]["version"] == 2
    assert calls[0]["target_column"] == "kind"
    assert Path(calls[0]["data_home"]).is_relative_to(cache)


def test_openml_says_what_it_changed(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    answer = {
        "data": np.arange(60.0).reshape(20, 3),
        "target": np.array(["a", "b"] * 10, dtype=object),
        "feature_names": ["hue", "size", "class"],
        "target_names": ["kind"],
        "categories": {"hue": ["blue", "red"], "kind": ["a", "b"]},
        "details": {
            "row_id_attribute": "id",
            "ignore_attribute": ["url", "date", "kind"],
            "default_target_attribute": "class",
        },
    }
    _openml(monkeypatch, answer)
    assert load("openml:x?label=kind").notes[:4] == (
        "nominal columns coded as 0, 1, … in the order of their categories: hue",
        "columns left out, which OpenML marks as row identifier: id",
        "columns left out, which OpenML marks as to be ignored: date, url",
        "the default target is used as a feature, since another label was chosen: class",
    )
    del answer["details"], answer["categories"]
    _openml(monkeypatch, answer)
    assert len(load("openml:x").notes) == 1  # on the test split


@pytest.mark.parametrize(
    ("answer", "address", "message"),
    [
        (
            OSError("Name or service not known\nmore"),
            "openml:x",
            "could not be fetched .*connection",
        ),
        ({"data": np.zeros((2, 2)), "target": None}, "openml:x", "no target column"),
        ({"data": np.full((2, 2), np.nan), "target": [0, 1]}, "openml:x", "nan at index"),
        ({}, "openml:x?version=new", "it must be a whole number"),
    ],
)
def test_bad_openml(
    monkeypatch: pytest.MonkeyPatch, answer: Any, address: str, message: str
) -> None:
    _openml(monkeypatch, answer)
    with pytest.raises(DataError, match=message) as caught:
        load(address)
    assert "\n" not in str(caught.value)


def _uci(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[dict]:
    """Mock ucimlrepo. answer: a frame, its features and its targets."""
    calls: list[dict] = []

    def fetch_ucirepo(**asked: Any) -> Any:
        calls.append(asked)
        if isinstance(answer, Exception):
            raise answer
        frame, features, targets = answer
        data = types.SimpleNamespace(
            original=frame,
            features=frame[features] if features else None,
            targets=frame[targets] if targets else None,
        )
        about = types.SimpleNamespace(uci_id=53, name="Iris")
        return types.SimpleNamespace(data=data, metadata=about)

    module: Any = types.ModuleType("ucimlrepo")
    module.fetch_ucirepo = fetch_ucirepo
    monkeypatch.setitem(sys.modules, "ucimlrepo", module)
    return calls


def _flowers() -> Any:
    pandas = pytest.importorskip("pandas")
    kinds = ["setosa", "virginica"] * 10
    columns = {"id": range(20), "long": np.arange(20) / 2, "wide": 20 - np.arange(20)}
    gaps = [1.0, None] * 10
    return pandas.DataFrame({**columns, "hue": ["red"] * 20, "gaps": gaps, "class": kinds})


@pytest.mark.parametrize(("given", "asked"), [("Iris", {"name": "Iris"}), ("53", {"id": 53})])
def test_uci(monkeypatch: pytest.MonkeyPatch, given: str, asked: dict) -> None:
    frame = _flowers()
    calls = _uci(monkeypatch, (frame, ["long", "wide"], ["class"]))
    dataset = load(f"uci:{given}")
    assert calls == [asked]
    assert dataset.class_names == ("setosa", "virginica")
    assert dataset.feature_names == ("long", "wide")
    rows = dataset.all_rows()
    order = np.argsort(rows.inputs[:, 0])
    np.testing.assert_array_equal(rows.inputs[order], frame[["long", "wide"]])
    assert [dataset.class_names[code] for code in rows.labels[order]] == [*frame["class"]]
    assert dataset.notes[:2] == ("Iris, label 'class'", "columns left out: id, hue, gaps")
    dataset = load(f"uci:{given}?label=hue&drop=wide")
    assert (dataset.class_names, dataset.feature_names) == (("red",), ("long",))


@pytest.mark.parametrize(
    ("features", "targets", "address", "message"),
    [
        (["long"], [], "uci:Iris", r"uci:53 has no target; choose .* with \?label=COLUMN"),
        (["long"], ["hue", "class"], "uci:53", r"2 targets \(hue, class\)"),
        (["long"], ["class"], "uci:53?label=kind", "no column 'kind'; it has: id, long, wide"),
        (["long"], ["class"], "uci:53?drop=kind", "no column 'kind'"),
        (["long"], ["class"], "uci:53?drop=long", "no column of features is left"),
        ([], ["class"], "uci:53", "no column of features is left"),
        (["long", "hue", "gaps"], ["class"], "uci:53", r"hue: text.*; gaps \(10\): missing values"),
        (["long"], ["wide"], "uci:53?label=gaps", "NaN"),
        (None, None, "uci:Irs", r"could not be fetched .* \(no such set\); check the name"),
    ],
)
def test_bad_uci(
    monkeypatch: pytest.MonkeyPatch, features: Any, targets: Any, address: str, message: str
) -> None:
    frame = _flowers()
    fails = OSError("no such set\nmore")
    _uci(monkeypatch, fails if features is None else (frame, features, targets))
    with pytest.raises(DataError, match=message) as caught:
        load(address)
    assert "\n" not in str(caught.value)


class _Rows(list):
    """Mock of a split of the hub."""

    def __init__(self, rows: list[dict], features: dict) -> None:
        super().__init__(rows)
        self.features = features

    def __getitem__(self, key: Any) -> Any:
        return (
            [row[key] for row in list(self)] if isinstance(key, str) else super().__getitem__(key)
        )

    def cast_column(self, column: str, kind: Any) -> _Rows:
        assert not kind.decode
        return self


class Image:
    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    def __init__(self, names: list[str]) -> None:
        self.names = names


class Value:
    pass


def _hub(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    def load_dataset(name: str, config: str | None) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    module: Any = types.ModuleType("datasets")
    module.load_dataset, module.Image = load_dataset, Image
    monkeypatch.setitem(sys.modules, "datasets", module)


def _image_rows(count: int, features: dict) -> _Rows:
    rows = [
        {"img": {"bytes": encoded(picture(i, (12, 10), "RGB"))}, "fine": i % 2}
        for i in range(count)
    ]
    return _Rows(rows, features)


def test_hub_images(monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"img": Image(), "fine": ClassLabel(["cat", "dog", "owl"])}
    _hub(monkeypatch, {"train": _image_rows(6, features), "test": _image_rows(3, features)})
    dataset = load("hf:someone/pets")
    assert dataset.class_names == ("cat", "dog", "owl")
    assert dataset.shape == (10, 12, 3)
    np.testing.assert_array_equal(dataset.test.inputs[1], np.asarray(picture(1, (12, 10), "RGB")))
    assert load("hf:someone/pets@4").shape == (4, 4, 3)


def test_hub_images_may_be_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(picture(5, (4, 3))))
    features = {"image": Image(), "label": Value()}
    rows = [{"image": {"bytes": None, "path": str(tmp_path / "a.png")}, "label": 1}]
    _hub(monkeypatch, {"train": _Rows(rows, features), "test": _Rows(rows, features)})
    np.testing.assert_array_equal(load("hf:x").train.inputs[0], np.asarray(picture(5, (4, 3))))
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png: no such file"):
        load("hf:x")


def test_hub_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"text": Value(), "label": Value()}
    rows = [{"text": f"word{i % 3} and more", "label": i % 2} for i in range(20)]
    _hub(monkeypatch, {"train": _Rows(rows, features)})
    dataset = load("hf:reviews")
    assert dataset.card.kind == "text"
    assert (len(dataset.train), len(dataset.test)) == (16, 4)


@pytest.mark.parametrize(
    ("answer", "address", "message"),
    [
        (OSError("no\nroute"), "hf:x", r"could not be fetched from the hub \(no\)"),
        ({"all": []}, "hf:x", "no split 'train'; it has: all"),
        ({"train": _Rows([], {"text": Value()})}, "hf:x", r"the label with \?label=COLUMN"),
        ({"train": _Rows([], {"label": Value()})}, "hf:x", "no column 'text'"),
        (
            {"train": _Rows([{"img": None, "label": 0}], {"img": Image(), "label": Value()})},
            "hf:x",
            "row 0: holds no image",
        ),
    ],
)
def test_bad_hub(monkeypatch: pytest.MonkeyPatch, answer: Any, address: str, message: str) -> None:
    _hub(monkeypatch, answer)
    with pytest.raises(DataError, match=message):
        load(address)


@pytest.mark.parametrize(
    ("extra", "library", "address"),
    [("hf", "datasets", "hf:someone/pets"), ("uci", "ucimlrepo", "uci:Iris")],
)
def test_without_the_extra(
    extra: str, library: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == library:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=rf"pip install 'metaplastic\[{extra}\]'"):
        load(address)

"""Missing labels in tables: what counts as missing, what is noted, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaplastic.data import load
from metaplastic.data.parsers.cells import refuse_missing
from metaplastic.data.parsers.table_options import TableOptions
from metaplastic.data.parsers.tables import read_table
from metaplastic.errors import DataError


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "nan", "None", "null", "<NA>", "n/a"])
def test_a_missing_label_is_not_a_class(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{i},{missing if i in (2, 5) else 'uv'[i % 2]}" for i in range(12)]
    path.write_text("\n".join(["a,y", *rows]))
    labels = read_table(path, TableOptions(label="y")).labels
    assert labels is not None
    assert [i for i, label in enumerate(labels) if label is None] == [2, 5]
    with pytest.raises(DataError, match=r"2 of 12 labels are missing \(row 3, 6, counted from 1\)"):
        load(f"csv:{path}?label=y")


def test_many_missing_labels_are_counted() -> None:
    with pytest.raises(DataError, match=r"7 of 8 labels .* 3, 4, …, counted from 0\)"):
        refuse_missing([*[None] * 7, "a"], "where")
    refuse_missing(["a"], "where")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_markers_of_missing_labels_are_counted(tmp_path: Path, name: str) -> None:
    cells = [*("uv" * 3), *["NA"] * 3, "None", ""]
    if name == "t.csv":
        text = "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
        (tmp_path / name).write_text("a,y\n" + text)
    else:
        pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
        table = pyarrow.table({"a": range(len(cells)), "y": [cell or None for cell in cells]})
        pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / name)
    read = read_table(tmp_path / name, TableOptions(label="y"))
    assert read.labels == (*("uv" * 3), *[None] * 5)
    note = (
        "label: 3 cells 'NA', 1 cell 'None' read as missing (missing=blank: only blank cells are)"
    )
    assert note in read.notes
    read = read_table(tmp_path / name, TableOptions(label="y", missing="blank"))
    assert read.labels == (*cells[:-1], None)
    assert not any("missing" in note for note in read.notes)


def test_a_marker_of_a_missing_value_may_be_a_class(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,NA\n2,EU\n3,NA\n4,EU\n")
    with pytest.raises(DataError, match=r'if "NA", .* is a class, give missing=blank'):
        load(f"csv:{path}?label=y")
    dataset = load(f"csv:{path}?label=y&missing=blank")
    assert dataset.class_names == ("EU", "NA")
    assert dataset.all_rows().labels.tolist() == [1, 0, 1, 0]
    with pytest.raises(DataError, match="missing 'NA'; it must be auto or blank"):
        load(f"csv:{path}?label=y&missing=NA")

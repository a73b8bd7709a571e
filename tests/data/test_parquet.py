"""Tables in Parquet files, as `fit` and `transform` read them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from metaplastic.data.rows import read_rows
from metaplastic.errors import DataError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_parquet() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas writes the tables of this test")
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    x = np.random.default_rng(0).normal(size=(9000, 3))
    frame = pandas.DataFrame(x, columns=list("abc"))
    frame.to_parquet("range.parquet")
    rows = read_rows("range.parquet")
    np.testing.assert_array_equal(rows.values, x)
    assert (rows.columns, rows.names) == (("a", "b", "c"), None)
    frame.assign(id=[f"r{i}" for i in range(9000)]).set_index("id").to_parquet("named.parquet")
    rows = read_rows("named.parquet")
    np.testing.assert_array_equal(rows.values, x)
    assert (rows.names or ())[8999] == "r8999"
    assert "left out: the index 'id'" in rows.notes[1]
    shuffled = frame.sample(100, random_state=0)
    shuffled.to_parquet("shuffled.parquet")
    rows = read_rows("shuffled.parquet")
    np.testing.assert_array_equal(rows.values, x[shuffled.index])
    assert rows.names == tuple(map(str, shuffled.index))
    few = frame.head(4).astype({"a": "float32"})
    few = few.assign(flag=[True, False, True, True], n=pandas.array([1, 2, 3, 4], "Int64"))
    few.assign(y=["u", None, "v", "u"]).to_parquet("few.parquet")
    rows = read_rows("csv:few.parquet?label=y")
    assert rows.columns == ("a", "b", "c", "flag", "n")
    assert rows.values[:, 3].tolist() == [1, 0, 1, 1]
    assert rows.labels == ("u", None, "v", "u")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("pandas.date_range('2020', periods=2)", "holds dates or times"),
        ("pandas.to_timedelta([1, 2], unit='s')", "holds dates or times"),
        ("pandas.Categorical(['u', 'v'])", "holds categories"),
        ("[{'k': 1}, {'k': 2}]", "holds nested values"),
        ("[[1], [2, 3]]", "holds nested values"),
        ("['u', 'v']", "holds text or objects"),
        ("[b'u', b'v']", "holds text or objects"),
        ("[None, None]", "holds no values at all"),
        ("[1.0, None]", "row 2: is empty"),
        ("[1.0, float('inf')]", "row 2: inf is not a finite number"),
    ],
)
def test_parquet_names_the_column_that_is_not_numeric(column: str, message: str) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas writes the tables of this test")
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    values = eval(column, {"pandas": pandas})
    pandas.DataFrame({"a": [1, 2], "odd": values}).to_parquet("t.parquet")
    with pytest.raises(DataError, match=f"column 'odd'.*{message}") as caught:
        read_rows("t.parquet")
    assert "\n" not in str(caught.value)
    assert read_rows("t.parquet", options={"drop": "odd"}).values.tolist() == [[1], [2]]


def test_damaged_parquet() -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    import pyarrow.parquet as parquet

    table = pyarrow.table({"a": [1.0, 2.0]})
    odd = {b"pandas": json.dumps({"index_columns": [{"kind": "range"}, "none", 3]}).encode()}
    parquet.write_table(table.replace_schema_metadata(odd), "odd.parquet")
    assert read_rows("odd.parquet").values.tolist() == [[1], [2]]
    data = Path("odd.parquet").read_bytes()
    for bad in (b"", b"PAR1", data[:-9], data[: len(data) // 2], b"\0" * 50 + data[50:]):
        Path("bad.parquet").write_bytes(bad)
        with pytest.raises(DataError, match=r"bad\.parquet: cannot be read as Parquet"):
            read_rows("bad.parquet")
    with pytest.raises(DataError, match="the option delimiter is for tables of text"):
        read_rows("odd.parquet", options={"delimiter": ";"})
    parquet.write_table(table.slice(0, 0), "none.parquet")
    with pytest.raises(DataError, match="no rows"):
        read_rows("none.parquet")

"""Delimited text: headers, indexes, delimiters, decimal commas, encodings, labels, errors."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from metaplastic.data.parsers.table_options import table_options
from metaplastic.data.parsers.tables import Table, read_table
from metaplastic.errors import DataError

RNG = np.random.default_rng(0)
Reader = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Read a table from its text or bytes."""

    def call(content: str | bytes, name: str = "t.csv", **options: str) -> Table:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, table_options(options, name))

    return call


@pytest.mark.parametrize(
    ("text", "rows", "columns"),
    [
        ("a,b\n1,2\n3,4\n", 2, ("a", "b")),
        ('"a","b"\n"1","2"\n', 1, ("a", "b")),
        ("1,2\n3,4\n", 2, None),
        ("0,1,2,3\n5,6,7,8\n", 1, ("0", "1", "2", "3")),  # pandas' names of columns
        (",0,1\n0,5,6\n1,7,8\n", 2, ("0", "1")),  # and its index
        ("0,1\n0.5,1.5\n", 1, ("0", "1")),
        ("0,1,2,target\n5,6,7,8\n", 1, ("0", "1", "2", "target")),
        ("1,2,3\n3,4,5\n", 2, None),
        ("2019,2020\n1,2\n", 2, None),
        ("\ufeff1,2\n3,4\n", 2, None),
        ("\ufeffa,b\n1,2\n", 1, ("a", "b")),
        ("\n\na,b\n1,2\n\n3,4\n\n", 2, ("a", "b")),
        ("# a,b\n1,2\n", 1, ("a", "b")),  # numpy.savetxt
        ("Na,K\n1,2\n", 1, ("Na", "K")),
        ("a,,c\n1,2,3\n", 1, ("a", "Unnamed: 1", "c")),
        ("a,a\n1,2\n", 1, None),  # duplicate names count as no names
        ("a\r1\r2\r", 2, ("a",)),
        ("True,0\nFalse,1\n", 2, None),
        ("a\n1\n", 1, ("a",)),
    ],
)
def test_headers(read: Reader, text: str, rows: int, columns: tuple[str, ...] | None) -> None:
    table = read(text)
    assert len(table.values) == rows
    assert table.columns == columns
    assert "header: " in table.notes[0]
    if columns is not None:
        assert "header: yes" in table.notes[0]


def test_the_caller_decides_on_the_header(read: Reader) -> None:
    assert read("2019,2020\n1,2\n", header="yes").columns == ("2019", "2020")
    table = read("0,1,2,3\n5,6,7,8\n", header="no")
    np.testing.assert_array_equal(table.values, [[0, 1, 2, 3], [5, 6, 7, 8]])
    assert table.notes == ("header: no (as asked)",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Not a header: an empty cell is not a name.
        (",2,3\n4,5,6\n", r"line 1, column '0': is empty; .*--header yes"),
        ("NA,2\n3,4\n", r"line 1, column '0': 'NA' is a missing value"),
        ("0,1\n1,0\n", "may be data or the header that pandas writes; give --header yes or"),
        ("0\n5\n", "may be data or the header"),
        ("0,1,2,3\n", "a header but no rows; .* --header no"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", r"line 1, column '2': 'setosa' is text"),
    ],
)
def test_a_row_is_never_lost_to_the_header(read: Reader, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("text", "columns", "names"),
    [
        (",a,b\n0,5,6\n1,7,8\n2,9,9\n", ("a", "b"), None),
        ("Unnamed: 0,a\n0,5\n1,7\n2,9\n", ("a",), None),
        (",a\n7,1\n3,2\n", ("a",), ("7", "3")),  # an index after train_test_split
        (",a\ngene1,1\ngene2,2\n", ("a",), ("gene1", "gene2")),
        (",Unnamed: 1,a\nx,0,1\ny,1,2\n", ("a",), ("x/0", "y/1")),
        (",a\n0.5,1\n3,2\n", ("Unnamed: 0", "a"), None),  # fractions are not an index
        ("a,\n1,0\n2,1\n", ("a", "Unnamed: 1"), None),  # nor a last column
    ],
)
def test_an_unnamed_index_is_no_feature(
    read: Reader, text: str, columns: tuple[str, ...], names: tuple[str, ...] | None
) -> None:
    table = read(text)
    assert (table.columns, table.names) == (columns, names)
    left_out = "Unnamed: 0" not in columns and "Unnamed: 1" not in columns
    assert any("left out: an unnamed index" in note for note in table.notes) == left_out


def test_the_index_may_be_kept_or_named(read: Reader) -> None:
    indexed = read(",a\n0,5\n1,7\n2,9\n", index="keep")
    assert indexed.columns == ("Unnamed: 0", "a")
    assert "counts the rows and is used as a feature" in indexed.notes[1]
    named = read("id,a\nx,5\ny,7\n", index="id")
    assert (named.columns, named.names) == (("a",), ("x", "y"))
    counting = read("id,a\n0,5\n1,7\n2,9\n", index="id")
    assert (counting.columns, counting.names) == (("a",), ("0", "1", "2"))  # as asked for
    bare = read("x,5\ny,7\n", index="0", header="no")
    assert (bare.columns, bare.names) == (None, ("x", "y"))
    noted = read("id,a\n1,5\n2,7\n3,9\n")
    assert "column 'id' counts the rows and is used as a feature (--drop id" in noted.notes[1]


def test_columns_are_dropped_by_name_or_number(read: Reader) -> None:
    assert read("a,b,c\n1,x,3\n", drop="b").columns == ("a", "c")
    assert read("a,b,c\n1,x,y\n", drop="b, c").columns == ("a",)
    assert read('a,"b,c"\n1,x\n', drop="b,c").columns == ("a",)
    assert read("1,x\n2,y\n", drop="1").values.tolist() == [[1], [2]]
    with pytest.raises(DataError, match="no column named 'z'; columns: a, b"):
        read("a,b\n1,2\n", drop="z")


def test_delimiters_and_decimal_commas(read: Reader) -> None:
    # Numbers with a decimal comma may be quoted between commas.
    assert read('a,b\n"1,5",2\n', decimal=",").values.tolist() == [[1.5, 2]]
    german = "a;b\n1,5;-2\n3e2;,5\n"
    with pytest.raises(DataError, match=r"seems to be separated by ';', .* --delimiter ';'"):
        read(german)
    with pytest.raises(DataError, match=r"line 2, column 'a': '1,5' has a decimal comma; .*--dec"):
        read(german, delimiter=";")
    table = read(german, delimiter=";", decimal=",")
    np.testing.assert_array_equal(table.values, [[1.5, -2], [300, 0.5]])
    with pytest.raises(DataError, match=r"'1\.5' is text"):
        read("a;b\n1.5;2\n", delimiter=";", decimal=",")
    with pytest.raises(
        DataError, match=r"one column only; it seems to be separated by '\\t'.*'tab'"
    ):
        read("a\tb\n1\t2\n")
    for name in ("t.tsv", "t.tab"):
        assert read("a\tb\n1\t2\n", name).columns == ("a", "b")
    assert read("a\tb\n1\t2\n", delimiter="tab").columns == ("a", "b")
    assert read(" 1 2\n3   4  \n", delimiter="space").values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be"])
def test_encodings(read: Reader, encoding: str) -> None:
    text = "größe,b\n1,2\n"
    data = text.encode(encoding)
    if encoding == "utf-16-be":  # without a byte-order mark
        assert read(data, encoding=encoding).columns == ("größe", "b")
        return
    assert read(data).columns == ("größe", "b")
    assert read(data, encoding=encoding.removesuffix("-sig")).columns == ("größe", "b")
    with pytest.raises(DataError, match=r"not text in UTF-8 .*--encoding cp1252"):
        read(text.encode("cp1252"))
    assert read(text.encode("cp1252"), encoding="cp1252").columns == ("größe", "b")


def test_compressed(read: Reader) -> None:
    text = b"a\tb\n1\t2\n"
    for suffix, pack in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        data = pack(text)
        assert read(data, f"t.tsv{suffix}").columns == ("a", "b")
        for bad in (data[:-6], data[:14] + b"\0\0\0" + data[17:]):
            with pytest.raises(DataError, match=r"cannot be read|not a table|not text"):
                read(bad, f"t.tsv{suffix}")


def test_labels(read: Reader) -> None:
    table = read('a,kind,b\n1,"red, dark",2.5\n\n-3e2,blue,0\n', label="kind")
    np.testing.assert_array_equal(table.values, [[1, 2.5], [-300, 0]])
    assert table.labels == ("red, dark", "blue")
    table = read("1;x\n2;y\n", label="1", delimiter=";")
    assert table.values.tolist() == [[1], [2]]
    assert table.labels == ("x", "y")
    # A numeric label in a file whose column names are all numbers but one.
    assert read("5,6,y\n1,2,3\n", label="y").columns == ("5", "6")


def test_blank_lines_are_counted(read: Reader) -> None:
    assert "2 blank lines skipped" in read("a,b\n1,2\n\n3,4\n  \n").notes
    assert "1 blank line skipped" in read("\na,b\n1,2\n").notes
    assert not any("blank" in note for note in read("a,b\n1,2\n").notes)


def test_a_decimal_comma_that_also_separates_the_columns_is_refused(read: Reader) -> None:
    with pytest.raises(DataError, match=r"also separates the columns, .* give --delimiter ';'"):
        read("1,5\n2,5\n", decimal=",")  # would be the columns 1, 2 and 5, 5
    assert read("1,5\n2,5\n", decimal=",", delimiter=",").values.tolist() == [[1, 5], [2, 5]]


def test_longer_than_a_block(read: Reader) -> None:
    values = RNG.normal(size=(5000, 3))
    lines = [",".join([*(repr(float(v)) for v in row), str(i % 7)]) for i, row in enumerate(values)]
    table = read("\n".join(["a,b,c,y", *lines]), label="y")
    np.testing.assert_array_equal(table.values, values)
    assert table.labels is not None
    assert table.labels[4999] == str(4999 % 7)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "empty; expected a table"),
        (" \n\n", {}, "empty"),
        ("a,y\n", {"label": "y"}, "a header but no rows"),
        ("a,y\n1,u\nnan,v\n", {"label": "y"}, "line 3, column 'a': 'nan' is a missing value"),
        ("a,y\n1,u\n,v\n", {"label": "y"}, "line 3, column 'a': is empty; fill it in, or remove"),
        ("a,y\ninf,u\n", {"label": "y"}, "line 2, column 'a': 'inf' is not a finite number"),
        ("a,y\n1e999,u\n", {"label": "y"}, "line 2, column 'a': '1e999' is not a finite"),
        ("y,a,b\nu,1,2\n\nv,3,four\n", {"label": "y"}, "line 4, column 'b': 'four' is text"),
        ("a,b\n1,1_000\n", {}, "line 2, column 'b': '1_000' is text"),
        ("a,b\n1,\u0663\n", {}, "line 2, column 'b'"),  # an Arabic digit
        ("a,when\n1,2020-01-31\n", {}, "column 'when': '2020-01-31' is a date.* --drop when"),
        ("a,b b\n1,x\n", {}, "--drop 'b b'"),
        ("a,y\n1,u\n1,2,3\n", {"label": "y"}, "line 3: 3 columns, expected 2"),
        ("a,y\n1,u\n1\n", {"label": "y"}, "line 3: 1 columns, expected 2"),
        ("a,y\n1,u\n", {"label": "z"}, "no column named 'z'; columns: a, y"),
        ("y,y\n1,u\n", {"label": "y"}, "2 columns named 'y'"),
        ("y\nu\n", {"label": "y"}, "only the column 'y'"),
        ('a,y\n"1,u\n', {"label": "y"}, "not a table"),
        ('a,y\n"1"2,u\n', {"label": "y"}, "not a table"),
        ("1\n2\n\n3\n", {}, "line 3: blank, in a table of one column"),
        ("1,2\n", {"header": "maybe"}, "header 'maybe'; it must be auto, yes or no"),
        ("1,2\n", {"delimiter": "ab"}, "delimiter 'ab'; it must be one character"),
        ("1,2\n", {"delimiter": "5"}, "delimiter '5'"),
        ("1,2\n", {"decimal": ";"}, "decimal ';'"),
        ("1,2\n", {"encoding": "klingon"}, "unknown encoding 'klingon'"),
        ("1,2\n", {"encoding": "rot13"}, "unknown encoding 'rot13'"),
        (b"PK\x03\x04....", {}, "an archive or a workbook"),
        (b"a,y\n\xff\xfe,1\n", {}, "not text in UTF-8"),
    ],
)
def test_invalid_tables(read: Reader, text: str | bytes, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(text, **options)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wide_table(read: Reader) -> None:
    """So many columns that a block has only a few rows."""
    values = RNG.integers(0, 9, (30, 60_000))
    lines = [",".join(map(str, row)) for row in values]
    names = [f"g{j}" for j in range(values.shape[1])]
    table = read("\n".join([",".join(names), *lines]))
    np.testing.assert_array_equal(table.values, values)
    assert table.columns == tuple(names)

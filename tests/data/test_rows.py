"""Rows for `fit` and `transform`: every row in the user's order, or a note on unused rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from published import image_folder, picture, tarred, zipped
from scipy.sparse import csr_matrix, save_npz

from metaplastic.data import from_arrays, load
from metaplastic.data.address import parse_address
from metaplastic.data.locate import user_path
from metaplastic.data.rows import read_rows
from metaplastic.errors import ConfigError, DataError, MetaplasticError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _texts(root: Path, words: dict[str, list[str]]) -> None:
    for label, texts in words.items():
        (root / label).mkdir(parents=True)
        for i, text in enumerate(texts):
            (root / label / f"{i}.txt").write_text(text, "utf-8")


def test_a_folder_gives_every_image_in_the_order_of_its_files(cache: Path) -> None:
    image_folder(Path("set"), classes=3, each=10)
    expected = [f"class{k}/{i:03}.png" for k in range(3) for i in range(10)]
    for given in ("folder:set", "set", "./set"):
        rows = read_rows(given)
        assert rows.names == tuple(expected)
        assert rows.values.shape == (30, 63)
        for row, (k, i) in zip(rows.values, np.ndindex(3, 10), strict=True):
            np.testing.assert_array_equal(row.reshape(7, 9), picture(100 * k + i))
        assert rows.notes == ("30 rows, 63 columns",)
    again = read_rows("folder:set")  # from the cache
    assert again.names == tuple(expected)
    part = read_rows("folder:set", split="test")
    assert part.values.shape == (6, 63)
    assert "6 of 30 rows" in part.notes[0]
    assert set(part.names or ()) < set(expected)


def test_packed_images_are_a_path(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set")
    files = {str(p.relative_to(tmp_path)): p.read_bytes() for p in root.rglob("*.png")}
    Path("set.zip").write_bytes(zipped(files))
    Path("set.tar.gz").write_bytes(tarred(files))
    for given in ("set.zip", "set.tar.gz"):
        assert read_rows(given).names == tuple(sorted(files))


def test_other_splits_are_left_out_only_with_a_note(cache: Path) -> None:
    image_folder(Path("set/train"), each=4)
    image_folder(Path("set/test"), each=2)
    rows = read_rows("set")
    assert len(rows.values) == 12
    assert rows.notes[0] == (
        "12 rows of 'train'; not used: 6 of 'test' (--split all reads every row)"
    )
    every = read_rows("set", split="all")
    assert len(every.values) == len(every.names or ()) == 18
    assert every.notes[0] == "18 rows: 12 of 'train', 6 of 'test'"
    assert (every.names or ())[12].startswith("test/")
    np.testing.assert_array_equal(every.values[12:], read_rows("set", split="test").values)
    with pytest.raises(ConfigError, match="set has the splits train, test"):
        read_rows("set", split="validation")
    assert len(read_rows("digits", split="all").values) == 1797


def test_texts_are_counted_in_the_order_of_their_files(cache: Path) -> None:
    glad = [f"sunshine sunshine number{i}" for i in range(10)]
    _texts(Path("a"), {"glad": glad, "sad": ["rain on me"] * 10})
    rows = read_rows("text:a")
    assert rows.columns is not None
    assert rows.names == tuple(f"{k}/{i}.txt" for k in ("glad", "sad") for i in range(10))
    counts = rows.values.toarray()
    assert counts[:10, rows.columns.index("sunshine")].tolist() == [2] * 10
    assert counts[10:, rows.columns.index("rain")].tolist() == [1] * 10
    assert (read_rows("a").values != rows.values).nnz == 0  # a folder of texts
    # Other texts are counted with the vocabulary of the first, not with their own.
    _texts(Path("b"), {"glad": ["rain rain rain"], "sad": ["moon"]})
    other = read_rows("text:b", expected=rows.columns).aligned(rows.columns, "text:b", "m")
    assert other.columns == rows.columns
    assert other.values.toarray()[:, rows.columns.index("rain")].tolist() == [3, 0]
    with pytest.raises(DataError, match="its columns are not those of m; missing: "):
        read_rows("text:b", expected=("no word", "b")).aligned(("no word", "b"), "text:b", "m")


def test_every_file_of_arrays(cache: Path) -> None:
    x, y = np.arange(60, dtype=np.float32).reshape(15, 4), np.arange(15) % 3
    np.save("x.npy", x)
    np.save("i.npy", x.reshape(15, 2, 2))
    np.savez("xy.npz", x=x, y=y)
    np.savez("x.npz", x=x)
    save_npz("s.npz", csr_matrix(x))
    for given in ("x.npy", "i.npy", "xy.npz", "npz:xy.npz", "x.npz", "npz:x.npz"):
        np.testing.assert_array_equal(read_rows(given).values, x)
    np.testing.assert_array_equal(read_rows("s.npz").values.toarray(), x)
    np.savez("four.npz", x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    assert "not used: 5 of 'test'" in read_rows("four.npz").notes[0]
    assert read_rows("four.npz", split="all").values.shape == (20, 4)
    with pytest.raises(DataError, match="no labels for the train examples"):
        load("npz:x.npz")
    with pytest.raises(ConfigError, match=r"--split test: x\.npy has no splits"):
        read_rows("x.npy", split="test")
    with pytest.raises(ConfigError, match="--header is for tables"):
        read_rows("x.npy", options={"header": "yes"})


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"shape \(3,\); expected \(rows, features\)"),
        (np.zeros(()), r"shape \(\)"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.zeros((2, 2), complex), "values of type complex128; expected numbers"),
        (np.zeros((2, 2), "U3"), "values of type <U3"),
        (np.zeros(2, [("a", float), ("b", float)]), "expected numbers"),
        (np.zeros((2, 2), "M8[D]"), "expected numbers"),
    ],
)
def test_arrays_that_are_not_matrices(array: np.ndarray, message: str) -> None:
    np.save("x.npy", array)
    with pytest.raises(DataError, match=message):
        read_rows("x.npy")


def test_damaged_files() -> None:
    Path("x.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', ")
    Path("pickle.npy").write_bytes(b"\x80\x04K\x01.")
    np.savez("s.npz", data=[1.0], indices=[7], indptr=[0, 1], shape=[1, 2], format=b"csr")
    for given in ("x.npy", "pickle.npy", "s.npz"):
        with pytest.raises(DataError, match=given):
            read_rows(given)


def test_tables_by_path_and_by_address() -> None:
    Path("t.csv").write_text(",a,b,y\n0,1,2,u\n1,3,4,\n2,5,6,v\n")
    rows = read_rows("csv:t.csv?label=y")
    assert rows.values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert rows.labels == ("u", None, "v")  # not needed by fit
    assert rows.notes[0] == "3 rows, 2 columns"
    assert "column 1 left out: an unnamed index" in rows.notes[2]
    dropped = read_rows("t.csv", options={"drop": "y"})
    assert dropped.columns == rows.columns == ("a", "b")
    with pytest.raises(ConfigError, match="the option label is given twice"):
        read_rows("csv:t.csv?label=y", options={"label": "y"})
    Path("u.csv").write_text("b,a,y\n9,8,u\n")
    both = read_rows("csv:t.csv?label=y&test=u.csv", split="all")
    assert both.values.tolist()[-1] == [8, 9]
    dataset = load("csv:u.csv?label=y&test=u.csv")
    assert dataset.feature_names == ("b", "a")


def test_names_of_one_part_survive_the_joining() -> None:
    Path("t.csv").write_text(",a,y\nu,1,p\nv,2,q\nw,3,p\n")
    Path("u.csv").write_text(",a,y\n0,4,p\n1,5,q\n")
    for train, test, names in (("t", "u", "uvw01"), ("u", "t", "01uvw")):
        address = f"csv:{train}.csv?label=y&test={test}.csv"
        assert read_rows(address, split="all").names == tuple(names)
        joined = load(address).all_rows()
        assert joined.names is not None
        assert joined.names.tolist() == list(names)
    assert read_rows("csv:u.csv?label=y&test=u.csv", split="all").names is None


@pytest.mark.parametrize(
    "name", ["a:b.csv", "csv:x.csv", "~0.csv", "t.CSV", "x@14.csv", "a?b=c.csv", "ü.csv", "t.data"]
)
def test_an_existing_path_is_a_path(name: str) -> None:
    Path(name).write_text("a,b\n1,2\n3,4\n")
    assert read_rows(name).values.tolist() == [[1, 2], [3, 4]]
    assert read_rows(f"./{name}").columns == ("a", "b")


def test_the_current_folder(cache: Path) -> None:
    for label in "pq":
        image_folder(Path(label), classes=1, each=5)
    assert len(read_rows(".").values) == 10


def test_the_name_of_a_data_set_is_not_a_path() -> None:
    Path("digits").mkdir()
    assert len(read_rows("digits").values) == 1437


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no.csv", "no such file or folder"),
        ("no/such", "no such file or folder"),
        ("C:\\no\\such.csv", "no such file or folder"),
        ("c:\\no\\such.csv", "no such file or folder"),
        ("~nobody-of-that-name/x.csv", "no home directory for '~nobody-of-that-name'"),
        ("csv:~nobody-of-that-name/x.csv", "no home directory"),
        ("npz:~nobody-of-that-name/x.npz", "no home directory"),
        ("folder:~nobody-of-that-name", "no home directory"),
        ("text:~nobody-of-that-name", "no home directory"),
        ("a:~0", "unknown data set 'a'"),
        ("nosuchset", "unknown data set"),
        ("csv:", "has nothing after"),
        ("", "not the address"),
        ("x\0.csv", "not the address|not a path|no such file"),
        ("x.kind", "no such file"),
        ("unknown.kind", "cannot be read; give .npy, .npz, .csv"),
        ("n" * 5000, "unknown data set|not a path"),
    ],
)
def test_names_that_do_not_exist(given: str, message: str) -> None:
    Path("unknown.kind").write_text("1,2\n")
    with pytest.raises(MetaplasticError, match=message) as caught:
        read_rows(given)
    assert len(str(caught.value)) < 600


def test_a_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x"
    Path("~there").write_text("")
    assert user_path("~there") == Path("~there")
    assert parse_address("csv:~nobody-of-that-name?label=a").options == {"label": "a"}
    for variable in ("METAPLASTIC_DATA", "METAPLASTIC_CACHE"):
        with monkeypatch.context() as patched:
            patched.setenv(variable, "~nobody-of-that-name")
            with pytest.raises(DataError, match="no home directory"):
                load("mnist")


def test_columns_are_matched_by_name() -> None:
    Path("t.csv").write_text("d,c,b,a\n1,2,3,4\n")
    rows = read_rows("t.csv").aligned(("a", "b", "c", "d"), "t.csv", "m")
    assert rows.values.tolist() == [[4, 3, 2, 1]]
    assert rows.columns == ("a", "b", "c", "d")
    assert rows.notes[-1] == "columns reordered by name to match m"
    with pytest.raises(
        DataError, match=r"missing: e; too many: d, c \(leave out with --drop d,c\)"
    ):
        read_rows("t.csv").aligned(("a", "b", "e"), "t.csv", "m")
    Path("u.csv").write_text("1,2\n")
    unnamed = read_rows("u.csv").aligned(("a", "b"), "u.csv", "m")
    assert "u.csv has no column names, so the columns are matched by position" in unnamed.notes
    old = read_rows("t.csv").aligned(None, "t.csv", "m")
    assert "m has no column names, so the columns are matched by position" in old.notes
    assert old.columns == ("d", "c", "b", "a")
    with pytest.raises(DataError, match="a table has no resolution"):
        read_rows("csv:t.csv@14")


def test_all_rows_undoes_a_drawn_split() -> None:
    x = np.arange(40.0).reshape(20, 2)
    names = [f"row{i}" for i in range(20)]
    dataset = from_arrays(x, ["b", "a"] * 10, names=names, feature_names=["u", "v"])
    assert not dataset.has_own_splits
    every = dataset.all_rows()
    np.testing.assert_array_equal(every.inputs, x)
    assert every.names is not None
    assert every.names.tolist() == names
    assert every.labels.tolist() == [1, 0] * 10
    assert dataset.train.names is not None
    numbers = [int(name.removeprefix("row")) for name in dataset.train.names]
    np.testing.assert_array_equal(dataset.train.inputs, x[numbers])
    dataset = from_arrays(x, ["b", "a"] * 10, x[:2], ["a", "b"])
    assert dataset.has_own_splits
    assert len(dataset.all_rows()) == 22


@pytest.mark.parametrize("missing", [None, float("nan"), "", "NA", np.nan])
def test_a_missing_label_of_an_array_is_not_a_class(missing: object) -> None:
    labels = np.array(["a", missing, "b", missing], dtype=object)
    with pytest.raises(DataError, match=r"2 of 4 labels are missing \(row 1, 3, counted from 0\)"):
        from_arrays(np.zeros((4, 2)), labels)

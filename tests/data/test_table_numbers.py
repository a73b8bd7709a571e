"""Numbers in delimited text: read as Python reads them, and as pandas wrote them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaplastic.data.parsers.cells import to_numbers
from metaplastic.data.parsers.table_options import TableOptions
from metaplastic.data.parsers.tables import read_table


def test_every_number_is_read_as_float_reads_it() -> None:
    cells = ["1", "-2.5", "+3e-4", ".5", "7.", " 8 ", "1E5", "true", "False"]
    expected = [1, -2.5, 3e-4, 0.5, 7, 8, 1e5, 1, 0]
    np.testing.assert_array_equal(to_numbers([cells]), [expected])
    commas = [cell.replace(".", ",") for cell in cells]
    np.testing.assert_array_equal(to_numbers([commas], ","), [expected])


_NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=150, deadline=None, database=None)
@given(data=st.data())
def test_files_written_by_pandas_are_read_back(data: st.DataObject, tmp_path_factory) -> None:
    """Any frame, written by pandas in any way: the same numbers, names and rows."""
    pandas = pytest.importorskip("pandas", reason="pandas writes the tables of this test")
    rows, columns = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    values = np.array(
        data.draw(st.lists(_NUMBERS, min_size=rows * columns, max_size=rows * columns))
    ).reshape(rows, columns)
    # Names as pandas gives them, 0, 1, …, or text that is neither a number nor missing.
    name = st.text("xyzäß ,;\"'|", min_size=1, max_size=5).map(lambda text: f"c{text.strip()}")
    names = data.draw(st.lists(name, min_size=columns, max_size=columns, unique=True))
    index = data.draw(st.booleans())
    if (index or columns >= 3) and data.draw(st.booleans()):  # otherwise "0,1" could also be a row
        names = [str(j) for j in range(columns)]
    delimiter, decimal = data.draw(
        st.sampled_from([(",", "."), (";", ","), ("\t", "."), ("|", ",")])
    )
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    quoting = data.draw(st.sampled_from([0, 1, 2]))
    frame = pandas.DataFrame(values, columns=names)
    buffer = io.StringIO()
    frame.to_csv(buffer, sep=delimiter, decimal=decimal, quoting=quoting, index=index)
    path = tmp_path_factory.mktemp("frames") / "t.csv"
    path.write_bytes(buffer.getvalue().encode(encoding))
    table = read_table(path, TableOptions(delimiter=delimiter, decimal=decimal))
    np.testing.assert_array_equal(table.values, values)
    assert table.columns == tuple(" ".join(n.split()) for n in names) or table.columns is None
    assert table.names is None

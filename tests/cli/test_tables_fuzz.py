"""Tables of every make at the command line: a row in is a row out, or one line of error."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from metaplastic import PlasticEncoder
from metaplastic.cli.app import app
from metaplastic.errors import MetaplasticError
from metaplastic.rules import make_rule

COLUMNS = 3
NAMES = ["alpha", "b c", "größe"]
_settings = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models without learning: of columns with names, and of columns without."""
    folder = tmp_path_factory.mktemp("fuzz")
    encoder = PlasticEncoder(
        rule=make_rule("hebbian", jax.random.key(0)),
        hidden_layer_sizes=(),
        n_components=2,
        max_iter=0,
        random_state=0,
    )
    encoder.fit(np.random.default_rng(0).normal(size=(20, COLUMNS)))
    encoder.save(folder / "unnamed.safetensors")
    encoder.feature_names_in_ = np.array(NAMES, dtype=object)
    encoder.save(folder / "named.safetensors")
    return folder


def transform(folder: Path, model: str, *arguments: str) -> tuple[np.ndarray | None, str]:
    """Features and notes, or None and the error; anything else fails the test."""
    out = folder / "f.npy"
    out.unlink(missing_ok=True)
    given = ("transform", str(folder / model), *arguments, "--out", str(out))
    result = CliRunner().invoke(app, given)
    if result.exception is None:
        return np.load(out), result.stderr
    assert isinstance(result.exception, MetaplasticError), result.exception
    assert not out.exists()
    message = str(result.exception)
    assert message
    assert "\n" not in message
    assert len(message) < 1000
    return None, message


def written(
    rows: Sequence[Sequence[str]], delimiter: str, quoting: int, end: str, encoding: str
) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return text.getvalue().encode(encoding)


_NUMBERS = st.one_of(
    st.integers(-1000, 1000).map(float), st.floats(-1e6, 1e6, allow_subnormal=False)
)
_TABLES = st.lists(st.lists(_NUMBERS, min_size=COLUMNS, max_size=COLUMNS), min_size=1, max_size=8)
_QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])


@pytest.mark.slow
@_settings
@given(
    values=_TABLES,
    header=st.sampled_from(["names", "pandas", "none"]),
    order=st.permutations(range(COLUMNS)),
    index=st.sampled_from(["no", "unnamed", "id"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    quoting=_QUOTING,
    end=_ENDS,
    encoding=_ENCODINGS,
)
def test_a_row_in_is_a_row_out(
    folder: Path,
    values: list[list[float]],
    header: str,
    order: list[int],
    index: str,
    delimiter: str,
    decimal: str,
    quoting: int,
    end: str,
    encoding: str,
) -> None:
    """A well-formed table, its options given: the features of its rows, in their order."""
    named = header == "names"
    order = order if named else list(range(COLUMNS))
    index = index if header != "none" else "no"
    rows = [[repr(row[j]).replace(".", decimal) for j in order] for row in values]
    names = {"names": [NAMES[j] for j in order], "pandas": ["0", "1", "2"]}.get(header)
    if index != "no":
        first = "" if index == "unnamed" else "id"
        rows = [[f"r{i}", *row] for i, row in enumerate(rows)]
        names = None if names is None else [first, *names]
    path = folder / "t.csv"
    path.write_bytes(
        written([*([] if names is None else [names]), *rows], delimiter, quoting, end, encoding)
    )
    options = ["--delimiter", delimiter, "--decimal", decimal, "--encoding", encoding]
    options += ["--index", "id"] if index == "id" else []
    options += ["--header", "no"] if names is None else []
    model = "named.safetensors" if named else "unnamed.safetensors"
    features, said = transform(folder, model, str(path), *options)
    assert features is not None, said
    expected = PlasticEncoder.load(folder / "unnamed.safetensors").transform(np.array(values))
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-5)
    assert f"{len(values)} rows, {COLUMNS} columns" in said
    assert ("columns reordered by name" in said) == (named and order != sorted(order))
    if index != "no":
        names_out = (folder / "f.names.txt").read_text("utf-8").split()
        assert names_out == [f"r{i}" for i in range(len(values))]


_CELLS = st.one_of(
    st.integers(-5, 5).map(str),
    st.floats(-1e3, 1e3).map(repr),
    st.sampled_from(["", "NA", "nan", "x", "1,5", "2020-01-01", "True", "1e999", " 7 ", "-"]),
    st.text(max_size=4),
)


@pytest.mark.slow
@_settings
@given(
    rows=st.lists(st.lists(_CELLS, min_size=1, max_size=5), max_size=6),
    even=st.integers(0, 4),
    numbers=st.booleans(),
    delimiter=st.sampled_from([",", ";", "\t", "|", " "]),
    quoting=_QUOTING,
    end=_ENDS,
    encoding=_ENCODINGS,
    cut=st.integers(0, 400),
    options=st.fixed_dictionaries(
        {},
        optional={
            "header": st.sampled_from(["yes", "no", "auto", "perhaps"]),
            "delimiter": st.sampled_from([",", ";", "tab", "space", "|", "x", "ab", ""]),
            "decimal": st.sampled_from([".", ",", ";"]),
            "encoding": st.sampled_from(["utf-8", "cp1252", "utf-16", "rot13", "none", "idna"]),
            "index": st.sampled_from(["auto", "keep", "0", "x", ""]),
            "drop": st.sampled_from(["0", "x", "1,2", ",", ""]),
        },
    ),
)
def test_whatever_is_in_the_table(
    folder: Path,
    rows: list[list[str]],
    even: int,
    numbers: bool,
    delimiter: str,
    quoting: int,
    end: str,
    encoding: str,
    cut: int,
    options: dict[str, str],
) -> None:
    """Anything: no traceback, and where it is read as many rows come out as are in the file."""
    if even:  # as many columns in each row, more often of numbers
        rows = [(row * 4)[:even] for row in rows]
    if numbers:
        rows = [[cell if cell.strip("-").isdigit() else "1.5" for cell in row] for row in rows]
    try:
        data = written(rows, delimiter, quoting, end, encoding)
    except (UnicodeEncodeError, csv.Error):
        return
    path = folder / "t.csv"
    path.write_bytes(data[: len(data) - cut] if cut < len(data) and cut % 3 == 0 else data)
    whole = path.read_bytes() == data
    arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
    features, said = transform(folder, "unnamed.safetensors", str(path), *arguments)
    if features is None or not whole:
        return
    # A table of one column may end in blank lines, which are no rows.
    count = len(rows) - ("header: yes" in said)
    assert len(features) == count or (len(features) < count and len(rows[-1]) == 1)

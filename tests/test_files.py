"""Files are written all or nothing, and read within bounds; every failure is one line."""

from __future__ import annotations

import json
import os
import resource
import stat
import threading
from pathlib import Path

import pytest

from metaplastic import files
from metaplastic.errors import ConfigError, DataError


def _one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_bytes_and_functions_are_written(tmp_path: Path) -> None:
    files.write(tmp_path / "a", b"one", DataError)
    files.write(tmp_path / "a", lambda file: file.write(b"two"), DataError)
    files.write(tmp_path / "b", lambda file: Path(file.name).write_bytes(b"three"), DataError)
    files.write(tmp_path / "c" / "d", b"four", DataError, parents=True)
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name in ("lost/d", "a/d", "a/b/d"):
        with pytest.raises(DataError, match=r"there is no folder|Not a directory"):
            files.write(tmp_path / name, b"", DataError, parents=True)
    (tmp_path / "lost").unlink()
    assert (tmp_path / "a").read_bytes() == b"two"
    assert (tmp_path / "b").read_bytes() == b"three"
    assert _names(tmp_path) == ["a", "b", "c"]
    assert _names(tmp_path / "c") == ["d"]


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), ValueError("bug"), OSError(28, "full")])
def test_whatever_stops_a_write_leaves_the_old_content_and_nothing_else(
    problem: BaseException, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail(file) -> None:
        file.write(b"half")
        raise problem

    expected = DataError if isinstance(problem, OSError) else type(problem)
    for name in ("a", "new"):
        with pytest.raises(expected):
            files.write(tmp_path / name, fail, DataError)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert _names(tmp_path) == ["a"]


def test_a_disk_that_fills_up_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, bounds[1]))
    try:
        with pytest.raises(DataError, match=r"File too large.*the existing file is unchanged") as e:
            files.write(tmp_path / "a", bytes(100_000), DataError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    _one_line(e)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert _names(tmp_path) == ["a"]


def test_permissions_are_those_of_the_file_before_or_the_users_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write(tmp_path / "new", b"", DataError)
        (tmp_path / "old").touch()
        (tmp_path / "old").chmod(0o600)
        files.write(tmp_path / "old", b"", DataError)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o600


def test_a_link_stays_a_link_and_no_planted_one_is_followed(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "a")
    files.write(tmp_path / "link", b"one", DataError)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a").read_bytes() == b"one"

    (tmp_path / "victim").write_bytes(b"precious")
    monkeypatch.setattr(files.secrets, "token_hex", lambda _: "guessed")
    (tmp_path / ".b.guessed.tmp").symlink_to(tmp_path / "victim")
    with pytest.raises(DataError):
        files.write(tmp_path / "b", b"two", DataError)
    assert (tmp_path / "victim").read_bytes() == b"precious"
    names = set()
    monkeypatch.undo()
    for _ in range(2):
        files.write(tmp_path / "c", lambda file: names.add(file.name), DataError)
    assert len(names) == 2  # not to be guessed


def test_a_pipe_is_written_to_and_a_full_device_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    taken = []
    reader = threading.Thread(target=lambda: taken.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    files.check_writable(tmp_path / "pipe", DataError)
    files.write(tmp_path / "pipe", b"through", DataError)
    reader.join(10)
    assert taken == [b"through"]
    if Path("/dev/full").exists():
        with pytest.raises(DataError, match="No space left"):
            files.write(Path("/dev/full"), b"x", DataError)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/a", "there is no folder"),
        ("folder", "it is a folder"),
        ("file/a", "there is no folder"),
        ("lost/a", "there is no folder"),
        ("a\0b", "null"),
        ("a\ud800b", "surrogates"),
        ("x" * 300, "name too long"),
    ],
)
def test_what_cannot_be_written_is_known_before_the_work(
    name: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    before = _names(tmp_path)
    for ask in (files.check_writable, lambda path, error: files.write(path, b"", error)):
        with pytest.raises(DataError, match=f"(?i){reason}") as error:
            ask(tmp_path / name, DataError)
        _one_line(error)
    assert _names(tmp_path) == before


def test_a_read_only_place_is_known_before_the_work(tmp_path: Path, monkeypatch) -> None:
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(DataError, match=r"a\.json: cannot be written \(Permission denied\)"):
        files.check_writable(tmp_path / "a.json", DataError)
    with pytest.raises(ConfigError, match=r"cannot write into .*: Permission denied"):
        files.make_folder(tmp_path / "new", ConfigError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_protected_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"kept")
    (tmp_path / "a").chmod(0o400)
    for ask in (files.check_writable, lambda path, error: files.write(path, b"", error)):
        with pytest.raises(DataError, match="read-only"):
            ask(tmp_path / "a", DataError)
    assert (tmp_path / "a").read_bytes() == b"kept"


def test_a_check_leaves_nothing_behind(tmp_path: Path) -> None:
    files.check_writable(tmp_path / "a", DataError)
    files.make_folder(tmp_path / "b" / "c", DataError)
    assert _names(tmp_path) == ["b"]
    assert _names(tmp_path / "b" / "c") == []
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name, reason in [("file", "a file"), ("lost", "broken link"), ("file/a", "directory")]:
        with pytest.raises(DataError, match=reason):
            files.make_folder(tmp_path / name, DataError)


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(100))
    assert files.read_bytes(tmp_path / "a", DataError, limit=100) == bytes(100)
    with pytest.raises(DataError, match="larger than the 99 bytes"):
        files.read_bytes(tmp_path / "a", DataError, limit=99)
    # the bound is no reason to ask for memory
    assert len(files.read_bytes(tmp_path / "a", DataError, limit=1 << 60)) == 100
    for name in ("none", "", "a/b", "a\0b"):
        with pytest.raises(DataError) as error:
            files.read_bytes(tmp_path / name, DataError, limit=10)
        _one_line(error)


DEEP = [
    "[" * 100_000,
    "[" * 100 + "]" * 100,
    '{"a":' * 600 + "1" + "}" * 600,
    '{"a":' * 50_000,
]


@pytest.mark.parametrize(
    "text",
    [
        *DEEP,
        "9" * 5000,
        '{"a": [' + "9" * 21 + "]}",
        '{"a": -' + "9" * 4000 + "}",
        "{nope",
        '"' + "x" * 10_000,
        r'{"a": "\ud800"}',
        r'{"\udc00": 1}',
        "\ufeff\ufeff{}",
        "",
    ],
)
def test_no_json_goes_past_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json cannot be read as JSON: ") as error:
        files.read_json(tmp_path / "a.json", DataError)
    _one_line(error)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "[" * 100 + "]" * 100,
        ".".join("a" * 200) + " = 1",
        "[" + ".".join("a" * 200) + "]",
        "a = " + "9" * 5000,
        "a = 0x" + "f" * 5000,
        "x" * 10_000 + " = 1\n" + "x" * 10_000 + " = 1",
        "= 3",
    ],
)
def test_no_toml_goes_past_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.toml cannot be read as TOML: ") as error:
        files.read_toml(tmp_path / "a.toml", ConfigError)
    _one_line(error)


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes('{"a": "é"}'.encode("utf-16"))
    with pytest.raises(DataError, match="not text in UTF-8"):
        files.read_json(tmp_path / "a", DataError)
    with pytest.raises(DataError, match="not text in UTF-8"):
        files.read_toml(tmp_path / "a", DataError)


def test_what_is_plain_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, True, "é𝄞"], "b": {"c": 10**20 - 1}}
    for mark in ("", "\ufeff"):
        (tmp_path / "a").write_text(mark + json.dumps(value), encoding="utf-8")
        assert files.read_json(tmp_path / "a", DataError) == value
        (tmp_path / "a").write_text(mark + 'a = [1, 2.5]\nb.c = "é"\n', encoding="utf-8")
        assert files.read_toml(tmp_path / "a", DataError) == {"a": [1, 2.5], "b": {"c": "é"}}
    nested = "[" * files.MOST_NESTING + "]" * files.MOST_NESTING
    (tmp_path / "a").write_text(nested)
    files.read_json(tmp_path / "a", DataError)


def test_what_a_message_repeats_is_a_line(tmp_path: Path) -> None:
    assert files.show("a\nb\x1b[31m") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m"
    assert len(files.show("x" * 10_000)) < 300

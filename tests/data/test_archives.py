"""Archives: safe ones are read, unsafe ones are refused as a whole."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from published import tarred, zipped

from metaplastic.data.parsers import archive
from metaplastic.data.parsers.archive import Limits, member_names, read_members
from metaplastic.data.parsers.tree import open_tree
from metaplastic.errors import DataError

FILES = {"a/one.txt": b"1" * 100, "b/two.txt": b"", "a/three.txt": bytes(range(256))}
UNSAFE = ["../evil", "a/../../evil", "/etc/evil", "\\evil", "C:\\evil", "C:evil", "a\\..\\evil"]


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_members_are_read(tmp_path: Path, mode: str) -> None:
    data = zipped(FILES) if mode == "zip" else tarred(FILES, mode)
    path = _write(tmp_path / "archive", data)
    assert member_names(path) == sorted(FILES)
    assert dict(read_members(path)) == FILES
    assert dict(read_members(path, {"b/two.txt", "not there"})) == {"b/two.txt": b""}


@pytest.mark.parametrize("name", UNSAFE)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_that_leave_the_archive_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    files = {"good.txt": b"1", name: b"2"}
    path = _write(tmp_path / "x", zipped(files) if kind == "zip" else tarred(files))
    with pytest.raises(DataError, match=r"refused, its member .* (absolute path|leads out)"):
        list(read_members(path, {"good.txt"}))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    path = _write(tmp_path / "x.tar.gz", file.getvalue())
    with pytest.raises(DataError, match="'link' is a link or device"):
        member_names(path)


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive_file:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive_file.writestr(info, "/etc/passwd")
    path = _write(tmp_path / "x.zip", file.getvalue())
    with pytest.raises(DataError, match="'link' is a link or device"):
        member_names(path)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_size_bombs_are_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_RATIO_FROM", 1 << 20)
    files = {"bomb": bytes(4 << 20)}
    path = _write(tmp_path / "x", zipped(files) if kind == "zip" else tarred(files))
    with pytest.raises(DataError, match="size bomb"):
        list(read_members(path))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_limits(tmp_path: Path, kind: str) -> None:
    path = _write(tmp_path / "x", zipped(FILES) if kind == "zip" else tarred(FILES))
    for limits in (Limits(member=200), Limits(total=300), Limits(count=2)):
        with pytest.raises(DataError, match="refused"):
            list(read_members(path, limits=limits))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_member_above_the_limit_is_told_the_limit_and_a_way_out(tmp_path: Path, pack) -> None:
    path = _write(tmp_path / "x.npz", pack({"x.npy": bytes(300)}))
    with pytest.raises(DataError, match=r"300 bytes; at most 200 are read .* as \.npy"):
        list(read_members(path, limits=Limits(member=200)))


def test_a_zip_that_understates_its_sizes_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"a": b"x" * 1000}))
    where = data.rindex(b"PK\x01\x02")
    data[where + 24 : where + 28] = (10).to_bytes(4, "little")
    path = _write(tmp_path / "x.zip", bytes(data))
    with pytest.raises(DataError, match=r"x\.zip"):
        list(read_members(path))


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("a"))
    path = _write(tmp_path / "x.tar", file.getvalue())
    with pytest.raises(DataError, match="two members of the same name"):
        member_names(path)


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_archives(tmp_path: Path, mode: str, share: float) -> None:
    files = {f"f{i}": bytes(((i * j) ** 2 >> 3) % 256 for j in range(900)) for i in range(20)}
    data = zipped(files) if mode == "zip" else tarred(files, mode)
    if mode == "w":  # without the zeros that pad the last block
        data = data.rstrip(b"\0")
    path = _write(tmp_path / "x", data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"truncated|corrupt|damaged"):
        list(read_members(path))


def test_a_damaged_header_inside_a_tar_is_an_error(tmp_path: Path) -> None:
    data = bytearray(tarred({"a": b"1", "b": b"2", "c": b"3"}, "w"))
    data[1024 + 100] ^= 0xFF  # in the header of "b"
    path = _write(tmp_path / "x.tar", bytes(data))
    with pytest.raises(DataError, match="truncated or corrupt"):
        member_names(path)


def test_a_zip_of_another_compression_is_not_called_corrupt(tmp_path: Path) -> None:
    data = bytearray(zipped({"a": b"1" * 100}))
    for where in (data.index(b"PK\x03\x04") + 8, data.index(b"PK\x01\x02") + 10):
        data[where : where + 2] = (9).to_bytes(2, "little")  # Deflate64
    path = _write(tmp_path / "x.zip", bytes(data))
    with pytest.raises(DataError, match=r"method is not supported.*; repack it with Deflate"):
        list(read_members(path))


@pytest.mark.parametrize("downloaded", [True, False])
def test_only_a_download_is_to_be_deleted(
    downloaded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAPLASTIC_CACHE", str(tmp_path))
    (tmp_path / "data").mkdir()
    path = tmp_path / ("data" if downloaded else ".") / "x.zip"
    _write(path, zipped(FILES)[:-30])
    with pytest.raises(DataError, match="truncated or corrupt") as caught:
        member_names(path)
    assert ("delete it and fetch it again" in str(caught.value)) == downloaded
    assert ("replace it with an intact copy" in str(caught.value)) != downloaded


def test_files_that_are_not_archives(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a directory nor a zip or tar archive"):
        open_tree(_write(tmp_path / "x", b"hello"))
    with pytest.raises(DataError, match="does not exist"):
        open_tree(tmp_path / "y")


def test_hidden_files_are_left_out_and_cycles_end(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for name in ("a/1.txt", "a/.DS_Store", "__MACOSX/2.txt", ".git/3.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "a" / "circle").symlink_to(folder)
    tree = open_tree(folder)
    assert tree.names == ("a/1.txt",)
    assert dict(tree.read({"a/1.txt"})) == {"a/1.txt": b"x"}
    path = _write(tmp_path / "z", zipped({"a/1.txt": b"x", "__MACOSX/a/1.txt": b"y"}))
    assert open_tree(path).names == ("a/1.txt",)


def test_a_fingerprint_follows_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    before = open_tree(folder).fingerprint
    assert open_tree(folder).fingerprint == before
    (folder / "a").write_bytes(b"12")
    changed = open_tree(folder).fingerprint
    (folder / "b").write_bytes(b"")
    assert len({before, changed, open_tree(folder).fingerprint}) == 3

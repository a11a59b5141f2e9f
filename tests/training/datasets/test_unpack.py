"""Archives are unpacked whole and within their folder, or not at all."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emoscope.errors import DatasetError
from emoscope.training.datasets.unpack import unpack


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


ARCHIVE = zipped({"Actor_01/a.wav": np.random.default_rng(0).bytes(20_000), "b.wav": b"two"})


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def written(folder: Path, data: bytes) -> Path:
    path = folder / "a.zip"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["../out.wav", "/out.wav", "a/../../out.wav", "C:out.wav"])
def test_names_that_lead_elsewhere_are_not_unpacked(tmp_path: Path, name: str) -> None:
    archive = written(tmp_path, zipped({"in.wav": b"x", name: b"y"}))
    with pytest.raises(DatasetError, match="leads out of its folder"):
        unpack([archive], tmp_path / "to")
    assert names(tmp_path) == ["a.zip"]


def test_backslashes_are_no_way_out(tmp_path: Path) -> None:
    data = zipped({"aa/bb.wav": b"y"}).replace(b"aa/bb.wav", b"..\\bb.wav")
    with pytest.raises(DatasetError, match="leads out of its folder"):
        unpack([written(tmp_path, data)], tmp_path / "to")


def test_links_are_not_unpacked(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link.wav")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DatasetError, match=r"link\.wav', a link or device"):
        unpack([written(tmp_path, buffer.getvalue())], tmp_path / "to")


def test_what_swells_is_not_unpacked(tmp_path: Path) -> None:
    archive = written(tmp_path, zipped({"zeros.wav": bytes(70 * 1024**2)}))
    with pytest.raises(DatasetError, match=r"would become 1 files of 73.4 MB"):
        unpack([archive], tmp_path / "to")
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>moved</html>", "no zip archive.*delete it and fetch again"),
        (ARCHIVE[:-30], "no zip archive.*delete it and fetch again"),
        (ARCHIVE[:5000] + b"?" + ARCHIVE[5001:], "a damaged archive.*delete it and fetch again"),
        (zipped({}), "an archive without files"),
        (zipped({"a.wav": b"xyz"}).replace(b"PK\x01\x02\x14\x03\x14\x00\x00",
                                           b"PK\x01\x02\x14\x03\x14\x00\x01"), "has a password"),
    ],
)  # fmt: skip
def test_bad_archives_are_one_line_and_leave_nothing(
    tmp_path: Path, data: bytes, message: str
) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        unpack([written(tmp_path, data)], tmp_path / "to")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_not_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.wav", b"1")
        archive.writestr("a.wav", b"2")
    with pytest.raises(DatasetError, match="two files of one name"):
        unpack([written(tmp_path, buffer.getvalue())], tmp_path / "to")


def test_several_archives_become_one_folder(tmp_path: Path) -> None:
    first = written(tmp_path, zipped({"a/1.wav": b"1"}))
    second = first.with_name("b.zip")
    second.write_bytes(zipped({"b/2.wav": b"2", "b/": b""}))
    assert unpack([first, second], tmp_path / "to") == 2
    assert names(tmp_path / "to") == ["a", "a/1.wav", "b", "b/2.wav"]

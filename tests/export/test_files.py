from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emoscope.export.files import atomic_path
from emoscope.export.formats import Format, write
from emoscope.results import Analysis, FaceEmotion


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "talk.json"
    with atomic_path(target) as part:
        assert part.parent == target.parent
        assert part.suffix == target.suffix
        part.write_text("half")
        assert not target.exists()
    assert target.read_text() == "half"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "talk.json"
    target.write_text("before")

    def write() -> None:
        with atomic_path(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_json_is_the_analysis(
    tmp_path: Path,
    make_analysis: Callable[..., Analysis],
    make_face: Callable[..., FaceEmotion],
) -> None:
    analysis = make_analysis("Räume/talk 語.mp4", "video", (64, 48), 2.0, [make_face((1, 2, 3, 4))])
    write(analysis, tmp_path / "talk.json", Format.JSON)
    text = (tmp_path / "talk.json").read_bytes().decode("utf-8")
    assert json.loads(text) == analysis.to_dict()
    assert "語" in text
    assert text.startswith('{\n  "schema"')


def test_a_name_that_is_no_text_is_kept(
    tmp_path: Path, make_analysis: Callable[..., Analysis]
) -> None:
    write(make_analysis("talk\udc80.wav", "audio"), tmp_path / "talk.json", Format.JSON)
    found = json.loads((tmp_path / "talk.json").read_text(encoding="utf-8"))
    assert found["source"] == "talk\udc80.wav"


def test_a_folder_that_is_a_file_is_an_os_error(
    tmp_path: Path, make_analysis: Callable[..., Analysis]
) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OSError, match="out"):
        write(make_analysis("talk.wav", "audio"), tmp_path / "out" / "talk.json", Format.JSON)

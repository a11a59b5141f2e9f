"""One table of formats, the same everywhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from emoscope.errors import MediaNotFoundError
from emoscope.export.formats import Format, export_all, render, usual_formats, write
from emoscope.results import Analysis, TextEmotion

from ..made_up import some_analyses  # noqa: TID252

TIMED = {Format.SRT, Format.VTT, Format.TEXTGRID, Format.EAF}


@given(some_analyses())
@settings(max_examples=40, deadline=None)
def test_whatever_applies_can_be_written_and_nothing_else(analysis: Analysis) -> None:
    pytest.importorskip("pyarrow")
    for one in set(Format) - {Format.ANNOTATED}:
        if one.applies_to(analysis):
            assert render(analysis, one)
        else:
            assert one in TIMED
            with pytest.raises(ValueError, match=f"there is no {one}"):
                render(analysis, one)


def test_a_picture_has_no_subtitles_and_no_tiers(
    make_analysis: Callable, make_voice: Callable, scores: Callable
) -> None:
    picture = make_analysis("a.png", "image", (9, 9))
    assert {one for one in Format if not one.applies_to(picture)} == TIMED
    silent = make_analysis("a.wav", "audio")
    assert {one for one in Format if not one.applies_to(silent)} == {Format.SRT, Format.VTT}
    spoken = make_analysis("a.wav", "audio", voice=[make_voice(0, 1)])
    assert all(one.applies_to(spoken) for one in Format)
    assert usual_formats(spoken) == (Format.JSON, Format.CSV, Format.ANNOTATED)
    written = replace(silent, words=(TextEmotion(0, 1, "so", scores("sad")),))
    assert set(usual_formats(written)) == {
        Format.JSON, Format.CSV, Format.SRT, Format.VTT, Format.ANNOTATED,
    }  # fmt: skip


@pytest.mark.parametrize("one", Format)
def test_each_says_what_its_files_are(one: Format, make_analysis: Callable) -> None:
    for kind, name in (("image", "a.png"), ("image", "a.JPG"), ("audio", "a.ogg"), ("video", "a")):
        analysis = make_analysis(name, kind)
        assert one.ending(analysis).startswith(".")
        assert one.media_type(analysis) in one.media_types
    assert Format.ANNOTATED.ending(make_analysis("a.JPG", "image")) == ".annotated.jpg"
    assert Format.ANNOTATED.media_type(make_analysis("a", "video")) == "video/mp4"


def test_bytes_and_files_are_the_same(
    make_analysis: Callable, make_voice: Callable, make_wav: Callable, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    source = make_wav(tmp_path / "talk.wav", 0.5 * np.sin(np.arange(32_000) / 20))
    analysis = make_analysis("upload", "audio", None, 2.0, voice=[make_voice(0.5, 1.5)])
    for one in set(Format) - {Format.EAF}:  # which names the second it was made in
        path = tmp_path / "out" / f"a{one.ending(analysis)}"
        assert write(analysis, path, one, source=source) == path
        assert render(analysis, one, source=source) == path.read_bytes()


def test_annotated_media_need_the_input(make_analysis: Callable, tmp_path: Path) -> None:
    analysis = make_analysis(tmp_path / "gone.wav", "audio")
    with pytest.raises(MediaNotFoundError):
        render(analysis, Format.ANNOTATED)


def test_formats_can_be_chosen_and_those_that_do_not_apply_are_left_out(
    make_analysis: Callable, tmp_path: Path
) -> None:
    source = tmp_path / "a.png"
    cv2.imwrite(str(source), np.full((99, 99, 3), 120, dtype=np.uint8))
    picture = make_analysis(source, "image", (99, 99))
    wanted = [Format.CSV_WIDE, Format.SRT, Format.JSON, Format.CSV_WIDE]
    files = export_all(picture, tmp_path, formats=wanted)
    assert [file.name for file in files] == ["a.wide.csv", "a.json"]
    assert export_all(picture, tmp_path, formats=[]) == []


def test_whoever_lists_formats_loads_no_decoder() -> None:
    code = (
        "import sys; from emoscope.export.formats import Format; "
        "print([m for m in ('cv2', 'av', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_packages_names_can_be_had() -> None:
    from emoscope import export

    for name in export.__all__:
        assert callable(getattr(export, name))
    with pytest.raises(AttributeError, match="no_such_name"):
        export.no_such_name  # noqa: B018

"""Tiers for Praat and ELAN, read back by programs that are not ours."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings

from emoscope.export.formats import Format, render, write
from emoscope.export.tiers import Stretch, Tier, end_ms, tiers_of
from emoscope.results import Analysis, FusedEmotion, TextEmotion, Word

from ..made_up import some_analyses  # noqa: TID252

HOSTILE = 'a "b" <c> & d\n\ttext = "e"\x00\x1b\ud800\ufffe 😀 مرحبا ]]>'
PLAIN = 'a "b" <c> & d text = "e"\ufffd\ufffd\ufffd\ufffd 😀 مرحبا ]]>'


def test_moments_become_stretches(make_analysis: Callable, make_face: Callable) -> None:
    """At ten frames a second: happy, unsure, a gap, happy again, one step long."""
    box = (0, 0, 9, 9)
    readings = [(0.0, 0.7), (0.1, 0.7), (0.2, 0.2), (0.3, 0.2), (2.0, 0.7)]
    faces = [make_face(box, time_s=time_s, share=share) for time_s, share in readings]
    analysis = make_analysis("a.mp4", "video", (9, 9), 3.0, faces, has_sound=False)
    tiers = tiers_of(replace(analysis, frames_read=30))
    seen = (Stretch(0, 200, "happy"), Stretch(200, 400, "unsure"), Stretch(2000, 2100, "happy"))
    assert tiers == (Tier("fused", ()), Tier("face 0", seen))
    assert end_ms(analysis, tiers) == 3000


def test_every_modality_has_its_tier(
    make_analysis: Callable, make_voice: Callable, scores: Callable
) -> None:
    words = (Word("Oh", 1.0, 1.0, 0.9), Word("no", 1.5, 2.0, 0.9))
    said = TextEmotion(1.0, 2.0, "Oh  no", scores("fear"), words=words)
    analysis = make_analysis("a.wav", "audio", None, 3.0, voice=[make_voice(1, 2)])
    fused = FusedEmotion(1.0, scores("sad"), end_s=2.0)
    analysis = replace(analysis, words=(said,), fused=(fused,))
    assert tiers_of(analysis) == (
        Tier("voice", (Stretch(1000, 2000, "sad"),)),
        Tier("passages", (Stretch(1000, 2000, "Oh no"),)),
        Tier("words", (Stretch(1000, 1001, "Oh"), Stretch(1500, 2000, "no"))),
        Tier("words emotion", (Stretch(1000, 2000, "fear"),)),
        Tier("fused", (Stretch(1000, 2000, "sad"),)),
    )


def test_stretches_never_overlap(make_analysis: Callable, make_voice: Callable) -> None:
    voice = [make_voice(0, 2), make_voice(1, 1.5, "happy"), make_voice(1, 3, "fear")]
    (heard, _) = tiers_of(make_analysis("a.wav", "audio", None, 3.0, voice=voice))
    assert heard.stretches == (Stretch(0, 2000, "sad"), Stretch(2000, 3000, "fear"))


@given(some_analyses())
@settings(max_examples=60, deadline=None)
def test_praat_and_elan_readers_read_the_same(analysis: Analysis) -> None:
    textgrids, elan = pytest.importorskip("textgrids"), pytest.importorskip("pympi.Elan")
    analysis = replace(analysis, kind="audio")
    tiers = {tier.name: tier.stretches for tier in tiers_of(analysis)}
    with TemporaryDirectory() as folder:
        grid = textgrids.TextGrid(
            str(write(analysis, Path(folder) / "a.TextGrid", Format.TEXTGRID))
        )
        eaf = elan.Eaf(str(write(analysis, Path(folder) / "a.eaf", Format.EAF)))
    assert list(grid) == list(tiers)
    assert list(eaf.get_tier_names()) == list(tiers)
    whole_s = end_ms(analysis, tiers_of(analysis)) / 1000
    for name, stretches in tiers.items():
        intervals = list(grid[name])
        assert (intervals[0].xmin, intervals[-1].xmax) == (0, whole_s)
        for one, following in itertools.pairwise(intervals):
            assert one.xmin < one.xmax == following.xmin
        # This reader keeps doubled quotes and cuts those at the ends off.
        found = {round(one.xmin * 1000): str(one.text).replace('"', "") for one in intervals}
        for one in stretches:
            assert found[one.start_ms].strip() == one.label.replace('"', "").strip()
        annotations = sorted(eaf.get_annotation_data_for_tier(name))
        assert [Stretch(*one[:3]) for one in annotations] == list(stretches)


PRAAT = """
form read
  sentence path
  sentence out
endform
Text writing preferences: "UTF-8"
Read from file: path$
for tier to do ("Get number of tiers")
  for place to do ("Get number of intervals...", tier)
    label$ = Get label of interval: tier, place
    appendFileLine: out$, label$
  endfor
endfor
"""


def test_praat_itself_reads_every_label(
    make_analysis: Callable, scores: Callable, tmp_path: Path
) -> None:
    praat = shutil.which("praat")
    if praat is None:
        pytest.skip("praat is not installed")
    texts = [HOSTILE, '"', '""', "intervals [1]:", "\\al"]
    words = tuple(TextEmotion(i, i + 1, text, scores("sad")) for i, text in enumerate(texts))
    analysis = replace(make_analysis("a.wav", "audio", None, 5.0), words=words)
    path = write(analysis, tmp_path / "a.TextGrid", Format.TEXTGRID)
    (tmp_path / "read.praat").write_text(PRAAT)
    command = [praat, "--run", "read.praat", str(path), str(tmp_path / "labels")]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    labels = (tmp_path / "labels").read_text(encoding="utf-8").splitlines()
    assert labels == ["", PLAIN, *texts[1:], "", *["sad"] * 5, ""]


def test_hostile_words_stay_words(make_analysis: Callable, scores: Callable) -> None:
    said = TextEmotion(0.0, 1.0, HOSTILE, scores("fear"))
    analysis = replace(make_analysis(HOSTILE, "audio", None, 1.0), words=(said,))
    quoted = PLAIN.replace('"', '""')
    assert f'text = "{quoted}"\n' in render(analysis, Format.TEXTGRID).decode("utf-8")
    root = Xml.fromstring(render(analysis, Format.EAF))
    assert PLAIN in [value.text for value in root.iter("ANNOTATION_VALUE")]
    (medium,) = root.iter("MEDIA_DESCRIPTOR")
    assert medium.attrib["MEDIA_URL"].startswith("./a%20%22b%22")


def test_elan_finds_the_medium(make_analysis: Callable, tmp_path: Path) -> None:
    source = tmp_path / "räume 1.wav"
    source.write_bytes(b"RIFF")
    for place, address in ((source, source.as_uri()), ("gone/räume.wav", "./r%C3%A4ume.wav")):
        root = Xml.fromstring(render(make_analysis(place, "audio"), Format.EAF))
        (medium,) = root.iter("MEDIA_DESCRIPTOR")
        assert medium.attrib == {"MEDIA_URL": address, "MIME_TYPE": "audio/x-wav"}

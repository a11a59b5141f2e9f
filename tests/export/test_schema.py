"""The published schema holds for what the pipeline gives, and refuses what it must not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from emoscope import Analysis, Analyzer
from emoscope.export.formats import Format, render
from emoscope.export.parquet import table
from emoscope.results import FaceEmotion, FusedEmotion, Scores, TextEmotion, VoiceEmotion, Word

from ..made_up import some_analyses  # noqa: TID252

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = json.loads(
    (files("emoscope.export") / "schema" / "emoscope-1.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DEMO = Path(str(files("emoscope.apps.cli"))) / "demo_media"

HAPPY = Scores(("happy", "sad"), (0.75, 0.25), 0.3)
EVERYTHING = Analysis(
    "talk.mp4",
    "video",
    2.0,
    (640, 480),
    True,
    3,
    {"face": "emoscope-face@1"},
    (FaceEmotion(0.0, (1.0, 2.0, 3.0, 4.0), 0.9, 0, HAPPY),),
    (VoiceEmotion(0.0, 1.0, HAPPY),),
    (TextEmotion(0.0, 1.0, "so", HAPPY, "en", 0.9, (Word("so", 0.0, 1.0, 0.5),)),),
    (FusedEmotion(0.0, HAPPY, {"face": 1.0}, {"face": 0.9}, 0.5, {"face+voice": 0.5}, 0),),
)
DOCUMENT = EVERYTHING.to_dict()


def problems(document: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(json.loads(json.dumps(document)))]


def test_it_is_a_schema_and_the_docs_show_the_same() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    docs = Path(__file__).parents[2] / "docs" / "schema" / "emoscope-1.json"
    assert json.loads(docs.read_text(encoding="utf-8")) == SCHEMA


@given(some_analyses())
@settings(max_examples=60, deadline=None)
def test_every_result_is_valid(analysis: Analysis) -> None:
    assert problems(analysis.to_dict()) == []


@pytest.mark.parametrize("name", ["faces.png", "speech.flac", "clip.mp4"])
def test_what_is_read_from_pictures_recordings_and_videos_is_valid(name: str) -> None:
    found = Analyzer(detector="haar", speech="light").analyze(DEMO / name).to_dict()
    assert found["faces"] or found["voice"]
    assert problems(found) == []
    assert problems(Analysis.from_dict(found).to_dict()) == []


def test_what_holds_nothing_is_valid(make_wav: Callable, tmp_path: Path) -> None:
    silence = make_wav(tmp_path / "hush.wav", np.zeros(16_000))
    found = Analyzer(detector="haar", speech="light").analyze(silence).to_dict()
    assert found["voice"] == []
    assert problems(found) == []


@pytest.mark.slow
def test_words_that_were_heard_and_translated_are_valid_and_in_every_format(
    tmp_path: Path,
) -> None:
    for package in ("torch", "transformers", "faster_whisper", "pyarrow"):
        pytest.importorskip(package)
    from ..words.spoken import write_whisper  # noqa: TID252

    german, english = [(0.0, "Das ist gut.", 1.0)], [(0.0, "This is good.", 1.0)]
    whisper = write_whisper(tmp_path / "tiny", german, english, languages={"de": 1.0})
    analyzer = Analyzer(detector="haar", speech="light", transcribe=whisper, threads=1)
    for name in ("speech.flac", "clip.mp4"):
        found = analyzer.analyze(DEMO / name)
        assert found.words[0].scored_text == "This is good."
        assert problems(found.to_dict()) == []
        # The summary's means are taken of what was rounded.
        again = {**Analysis.from_dict(found.to_dict()).to_dict(), "summary": None}
        assert again == {**found.to_dict(), "summary": None}
        for one in set(Format) - {Format.ANNOTATED, Format.PARQUET, Format.CSV_WIDE}:
            assert "Das ist gut." in render(found, one).decode("utf-8"), one
        from pyarrow import compute

        (row, *_) = table(found).filter(compute.field("modality") == "words").to_pylist()
        assert (row["text"], row["language"]) == ("Das ist gut.", "de")


def changed(path: Sequence[Any], value: Any) -> dict[str, Any]:
    document: Any = copy.deepcopy(DOCUMENT)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return document  # type: ignore[no-any-return]


def test_words_and_translations_are_valid() -> None:
    assert problems(DOCUMENT) == []
    german = TextEmotion(0, 1, "gut", HAPPY, "de", None, (), True, "good")
    words = Analysis("a", "audio", 1.0, None, True, 0, {"transcriber": "tiny"}, words=(german,))
    assert problems(words.to_dict()) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (["schema"], "emoscope/2"),
        (["kind"], "book"),
        (["source"], None),
        (["duration_s"], -1),
        (["duration_s"], "2"),
        (["size_px"], [640]),
        (["has_sound"], ...),
        (["frames_read"], 1.5),
        (["models", "face"], 1),
        (["faces"], {}),
        (["faces", 0, "box_xyxy"], [1, 2, 3]),
        (["faces", 0, "scores"], {}),
        (["faces", 0, "scores"], {"joy": 1.0}),
        (["faces", 0, "scores", "happy"], 1.5),
        (["faces", 0, "top"], ...),
        (["faces", 0, "track_id"], None),
        (["voice", 0, "end_s"], ...),
        (["voice", 0, "confidence"], 2),
        (["words", 0, "words", 0, "probability"], "high"),
        (["words", 0, "translated"], None),
        (["fused", 0, "modalities"], ["smell"]),
        (["fused", 0, "weights", "face"], 2),
        (["summary"], ...),
        (["summary", "voice", "state"], "loud"),
        (["summary", "voice", "scores"], ...),
        (["summary", "faces", "tracks", 0, "readings"], 0),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) else repr(value),
)
def test_what_is_wrong_is_refused(path: Sequence[Any], wrong: Any) -> None:
    assert problems(changed(path, wrong))


def test_more_keys_are_allowed() -> None:
    assert problems({**DOCUMENT, "new": 1}) == []

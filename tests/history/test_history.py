"""What is kept is found again, and forgotten when asked; in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from emoscope.errors import HistoryError
from emoscope.export.formats import Format
from emoscope.history import History
from emoscope.results import Analysis

from ..made_up import some_analyses  # noqa: TID252

Make = Callable[..., Analysis]


def test_a_result_comes_back(history: History, make: Make) -> None:
    number = history.add(make("Räume/talk 1.mp4", "happy", "sad"))
    assert history.show(number) == make("Räume/talk 1.mp4", "happy", "sad")
    (entry,) = history.list()
    assert (entry.id, entry.source, entry.kind) == (number, "Räume/talk 1.mp4", "video")
    assert (entry.duration_s, entry.faces) == (2.0, 1)
    assert entry.labels == {"face": "happy", "voice": "sad", "words": None, "fused": None}
    age = datetime.now().astimezone() - entry.at
    assert abs(age.total_seconds()) < 60
    assert json.loads(json.dumps(entry.to_dict()))["labels"]["voice"] == "sad"


@given(analysis=some_analyses())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_can_be_read_can_be_kept(history: History, analysis: Analysis) -> None:
    number = history.add(analysis)
    kept = Analysis.from_dict(json.loads(json.dumps(analysis.to_dict())))
    assert history.show(number) == kept
    assert history.list(limit=1)[0].id == number
    assert "\n" not in history.list(limit=1)[0].source


def test_pages_follow_each_other(history: History, make: Make) -> None:
    numbers = [history.add(make(f"{n}.mp4")) for n in range(7)]
    seen: list[int] = []
    before = None
    while page := history.list(limit=3, before=before):
        seen += [entry.id for entry in page]
        before = page[-1].id
    assert seen == numbers[::-1]
    assert history.count() == 7


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("TALK", ["talk_1.mp4", "TALK%2.mp4"]),
        ("happy", ["talk_1.mp4"]),
        ("talk sad", ["TALK%2.mp4"]),
        ("räUme", ["RÄUME.wav"]),
        ("k_1", ["talk_1.mp4"]),
        ("k%2", ["TALK%2.mp4"]),
        ("_", ["talk_1.mp4"]),
        ("'; DROP TABLE emoscope_results; --", []),
        ("\0", []),
        ("  ", ["talk_1.mp4", "TALK%2.mp4", "RÄUME.wav"]),
        (None, ["talk_1.mp4", "TALK%2.mp4", "RÄUME.wav"]),
    ],
)
def test_a_search_looks_into_names_kinds_and_labels(
    history: History, make: Make, search: str | None, found: list[str]
) -> None:
    history.add(make("talk_1.mp4", "happy"))
    history.add(make("TALK%2.mp4", "sad"))
    history.add(make("RÄUME.wav", None, "fear"))
    assert [entry.source for entry in history.list(search)][::-1] == found
    assert history.count(search) == len(found)


def test_what_is_deleted_is_gone_and_its_number_too(history: History, make: Make) -> None:
    first, second = history.add(make("a")), history.add(make("b"))
    history.delete(second)
    assert [entry.id for entry in history.list()] == [first]
    for ask in (history.show, history.delete):
        with pytest.raises(HistoryError, match=f"no result {second}"):
            ask(second)
    assert history.add(make("c")) > second
    assert history.delete_all() == 2
    assert history.list() == ()
    assert history.delete_all() == 0


def test_all_are_given_out_oldest_first(
    history: History, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoscope.history.history._AT_ONCE", 2)
    for n in range(5):
        history.add(make(f"{n}.mp4", "happy" if n % 2 else "sad"))
    assert history.export(tmp_path / "all.jsonl", Format.JSON) == 5
    lines = (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()
    assert [Analysis.from_dict(json.loads(line)).source for line in lines] == [
        f"{n}.mp4" for n in range(5)
    ]
    assert history.export(tmp_path / "some.jsonl", Format.JSON, search="happy") == 2
    with pytest.raises(ValueError, match="json and parquet hold many"):
        history.export(tmp_path / "all.srt", Format.SRT)
    assert not (tmp_path / "all.srt").exists()


def test_all_are_one_table(history: History, make: Make, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert history.export(tmp_path / "none.parquet", Format.PARQUET) == 0
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0
    history.add(make("a.mp4", "happy", "sad"))
    history.add(make("b.mp4", None))
    assert history.export(tmp_path / "all.parquet", Format.PARQUET) == 2
    table = parquet.read_table(tmp_path / "all.parquet")
    assert table["source"].to_pylist() == ["a.mp4", "a.mp4", "b.mp4"]
    assert table["modality"].to_pylist() == ["face", "voice", "none"]


def test_a_trend_counts_each_day(history: History, make: Make) -> None:
    noon = datetime(2026, 3, 10, 12).astimezone()
    for day, face in ((8, "happy"), (8, "happy"), (8, "sad"), (10, None), (1, "fear")):
        history.add(make("a", face, "sad"), at=noon.replace(day=day))
    found = history.trend(3, until=date(2026, 3, 10))
    assert [(one.day.day, one.results) for one in found] == [(8, 3), (9, 0), (10, 1)]
    assert found[0].labels["face"] == {"happy": 2, "sad": 1}
    assert found[0].labels["voice"] == {"sad": 3}
    assert found[1].labels == {"face": {}, "voice": {}, "words": {}, "fused": {}}
    assert found[2].labels["face"] == {}
    history.add(make("now"))
    assert [one.results for one in history.trend(2)] == [0, 1]


def test_it_stays_when_closed(place: str, make: Make) -> None:
    with History.open(place) as history:
        number = history.add(make("a"))
    with History.open(place) as again:
        assert again.show(number).source == "a"


def test_threads_share_one(history: History, make: Make) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda n: history.add(make(f"{n}")), range(40)))
    assert len(set(numbers)) == history.count() == 40


WRITER = """
import json, sys
from emoscope.history import History
from emoscope.results import Analysis

analysis = Analysis.from_dict(json.loads(sys.argv[2]))
sys.stdin.readline()
with History.open(sys.argv[1]) as history:
    for _ in range(50):
        history.add(analysis)
"""


def test_processes_that_write_at_once_lose_nothing(place: str, make: Make) -> None:
    """They make the database at the same moment, too."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, place, json.dumps(make(name).to_dict())],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("first", "second", "third")
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    with History.open(place) as history:
        assert [history.count(name) for name in ("first", "second", "third")] == [50, 50, 50]


def test_a_damaged_result_is_named(history: History, make: Make) -> None:
    number = history.add(make("a"))
    with history._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE emoscope_results SET document = '{}'")
    with pytest.raises(HistoryError, match=f"result {number} of the history is damaged"):
        history.show(number)


def test_speakers_in_labels_are_no_part_of_them(history: History, make: Make) -> None:
    from emoscope.results import Scores, VoiceEmotion

    voice = VoiceEmotion(0, 1, Scores(("OAF/angry", "YAF/sad"), (0.75, 0.25)))
    history.add(replace(make("a", None), voice=(voice,)))
    assert history.list()[0].labels["voice"] == "angry"

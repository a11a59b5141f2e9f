"""The log opens elsewhere and says what was shown."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.live.log import COLUMNS, FLUSH_ROWS, LiveLog
from emoscope.live.state import LiveFace, LiveState, LiveVoice
from emoscope.results import FusedEmotion, Scores
from emoscope.translated import TranslatedReading

HAPPY = Scores(SHARED, (0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05), 0.3)
CALM = Scores(VOICE_LABELS.names, (0.05,) * 6 + (0.1, 0.6), 0.3)


def now() -> datetime:
    return datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def full(time_s: float) -> LiveState:
    return LiveState(
        time_s=time_s,
        frame_time_s=time_s - 0.1,
        size_px=(640, 480),
        faces=(
            LiveFace(0, (0.0, 0.0, 10.0, 10.0), HAPPY, None),
            LiveFace(3, (1.0, 2.0, 301.0, 402.0), HAPPY, "happy", True, 0.55),
        ),
        voice=LiveVoice(CALM, "calm", 0.5, 2.5, True),
        speaking=False,
        level_dbfs=-33.333,
        fused=FusedEmotion(time_s, HAPPY, {"face": 0.6, "voice": 0.4}, congruence=0.25, track_id=3),
        fused_label="happy",
        fused_confidence=0.66,
        translated=TranslatedReading(time_s, "face", "voice", CALM, "t@1"),
    )


def write(path: Path) -> None:
    with LiveLog(path, now) as log:
        log(LiveState())
        for index in range(3):
            log(full(1.0 + index))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_it_opens_in_pandas(tmp_path: Path, suffix: str) -> None:
    pandas: Any = pytest.importorskip("pandas")
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"new/log{suffix}"
    write(path)
    table = pandas.read_csv(path) if suffix == ".csv" else pandas.read_parquet(path)
    assert tuple(table.columns) == COLUMNS
    assert list(table["time_s"]) == [0.0, 1.0, 2.0, 3.0]
    began = pandas.to_datetime(table["started_at"])
    assert set(began) == {pandas.Timestamp(now())}
    assert pandas.isna(table["face_label"][0])
    row = table.iloc[1]
    assert (row["faces"], row["track_id"], row["face_label"]) == (2, 3, "happy")
    assert (row["x1"], row["y2"], bool(row["face_held"])) == (1.0, 402.0, True)
    assert row["face_confidence"] == 0.55
    assert row["face_happy"] == 0.7
    assert (row["voice_label"], row["voice_end_s"]) == ("calm", 2.5)
    assert row["voice_neutral"] == pytest.approx(0.7)
    assert (row["fused_label"], row["fused_confidence"], row["congruence"]) == ("happy", 0.66, 0.25)
    assert (row["translated_to"], row["translated_label"]) == ("voice", "calm")
    assert row["level_dbfs"] == -33.3
    assert [face["track_id"] for face in json.loads(row["all_faces"])] == [0, 3]
    assert table["speaking"].dtype == bool


def test_what_came_so_far_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = LiveLog(path, now)
    for index in range(FLUSH_ROWS):
        log(full(index + 1.0))
    with path.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == FLUSH_ROWS
    log.close()
    log.close()
    log(full(99.0))


def test_a_parquet_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "log.parquet"
    log = LiveLog(path, now)
    for index in range(FLUSH_ROWS + 1):
        log(full(index + 1.0))
    assert not path.exists()
    log.close()
    log.close()
    assert parquet.read_metadata(path).num_row_groups == 2
    assert [file.name for file in tmp_path.iterdir()] == ["log.parquet"]


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.csv or \.parquet"):
        LiveLog(tmp_path / "log.txt")

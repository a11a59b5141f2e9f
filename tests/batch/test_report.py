"""What is counted over a table of results, and the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emoscope.batch.parquet import schema
from emoscope.batch.report import count
from emoscope.errors import BatchError
from emoscope.export.parquet import table
from emoscope.labels import SHARED
from emoscope.results import Analysis, FaceEmotion, FusedEmotion, Scores, VoiceEmotion

Make = Callable[..., Analysis]


def scores(top: str | None, share: float = 0.7) -> Scores:
    if top is None:
        return Scores(SHARED, (0.16, *[0.14] * 6), 0.3)
    rest = (1 - share) / (len(SHARED) - 1)
    return Scores(SHARED, tuple(share if n == top else rest for n in SHARED), 0.3)


def film(
    source: str,
    faces: Sequence[str | None],
    voice: str | None = None,
    congruence: float | None = None,
) -> Analysis:
    """A film with one face a second, and somebody who speaks all the time."""
    found = tuple(
        FaceEmotion(float(t), (0.0, 0.0, 9.0, 9.0), 0.9, 0, scores(top))
        for t, top in enumerate(faces)
    )
    said = (VoiceEmotion(0.0, float(len(faces)), scores(voice)),) if voice else ()
    weights = {"face": 0.5, "voice": 0.5} if voice else {"face": 1.0}
    fused = tuple(
        FusedEmotion(face.time_s, face.scores, weights, congruence=congruence, track_id=0)
        for face in found
    )
    kind = "video" if len(faces) > 1 else "image"
    return Analysis(
        source, kind, float(len(faces)), (9, 9), bool(voice), len(faces), {}, found, said, (), fused
    )


def write(
    path: Path, analyses: Sequence[Analysis], failed: Sequence[tuple[str, str, str]] = ()
) -> Path:
    """A table as a run writes it, in groups that cut files in two."""
    parts = []
    for analysis in analyses:
        rows = table(analysis)
        for name in ("sha256", "reason", "error"):
            rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
        parts.append(rows.cast(schema()))
    for source, reason, error in failed:
        row = {"source": source, "modality": "none", "reason": reason, "error": error}
        parts.append(pa.Table.from_pylist([row], schema=schema()))
    pq.write_table(pa.concat_tables(parts), path, row_group_size=3)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write(
        tmp_path / "all.parquet",
        [
            film(str(tmp_path / "a.mp4"), ["happy"] * 6 + ["sad", None], "angry", 0.2),
            film(str(tmp_path / "b <i>.jpg"), ["sad"]),
            film(str(tmp_path / "empty.jpg"), []),
            film(str(tmp_path / "c.mp4"), ["fear"] * 3, "fear", 0.9),
        ],
        [("x&y.avi", "damaged", 'ends <early> "there"'), ("z.txt", "not a medium", "text")],
    )


def test_everything_is_counted_once(results: Path) -> None:
    found = count(results)
    assert (found.rows, found.files, found.empty) == (29, 6, 1)
    assert dict(found.failed) == {"damaged": 1, "not a medium": 1}
    assert dict(found.kinds) == {"video": 2, "image": 2}
    assert found.speech_s == 11.0
    told = found.to_dict()
    assert told["readings"] == {"face": 12, "voice": 2, "words": 0, "fused": 12}
    assert told["shares"]["face"] == {
        "fear": 0.25, "happy": 0.5, "sad": 0.1667, "unsure": 0.0833
    }  # fmt: skip
    assert told["shares_by_file"]["face"] == {"fear": 0.3333, "happy": 0.3333, "sad": 0.3333}
    assert (found.together, found.disagreements) == (11, 8)


def test_cut_into_other_pieces_it_counts_the_same(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import emoscope.batch.report.findings as counting

    whole = count(results).to_dict()
    for size in (1, 2, 5):
        monkeypatch.setattr(counting, "_ROWS", size)
        assert count(results).to_dict() == whole


def test_time_is_counted_from_the_start_of_what_moves(results: Path) -> None:
    found = count(results)
    faces = found.over_time[0]
    assert faces.shape[0] == 8
    assert faces.sum(1).tolist() == [2, 2, 2, 1, 1, 1, 1, 1]
    assert faces[0, SHARED.index("happy")] == faces[0, SHARED.index("fear")] == 1


def test_long_films_are_shown_in_longer_steps(tmp_path: Path) -> None:
    path = write(tmp_path / "long.parquet", [film("long.mp4", ["happy"] * 150)])
    found = count(path)
    assert found.step_s == 3
    assert found.over_time.shape[1] == 50
    assert int(found.over_time[0].sum()) == 150


def test_disagreements_say_who_said_what(results: Path, tmp_path: Path) -> None:
    lists = count(results).lists
    first = lists.apart[0]
    assert (first.source, first.time_s, first.congruence) == (str(tmp_path / "a.mp4"), 0.0, 0.2)
    assert first.said == {"face": "happy", "voice": "angry"}
    assert [Path(one.source).name for one in lists.apart] == ["a.mp4", "c.mp4"]
    assert int(count(results).face_voice[SHARED.index("happy"), SHARED.index("angry")]) == 1


def test_files_stand_in_order_and_the_least_sure_first(results: Path) -> None:
    lists = count(results).lists
    names = [Path(line.source).name for line in lists.files]
    assert names == ["a.mp4", "b <i>.jpg", "c.mp4"]
    assert lists.files[0].counts["face"] == {"happy": 6, "sad": 1, "unsure": 1}
    assert Path(lists.unsure[0].source).name == "a.mp4"


def test_of_very_many_files_a_few_are_listed(tmp_path: Path) -> None:
    films = [film(f"{number}.mp4", ["happy"] * (2 + number % 50)) for number in range(200)]
    found = count(write(tmp_path / "many.parquet", films))
    assert found.files == 200
    assert len(found.lists.files) == 60
    assert min(sum(line.counts["face"].values()) for line in found.lists.files) >= 36


def test_a_table_from_one_analysis_can_be_read(tmp_path: Path) -> None:
    from emoscope.export.parquet import parquet_bytes

    (tmp_path / "one.parquet").write_bytes(parquet_bytes(film("a.mp4", ["happy", "sad"])))
    found = count(tmp_path / "one.parquet")
    assert (found.files, sum(found.failed.values())) == (1, 0)


def test_an_empty_table_is_an_answer(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from emoscope.batch.report.page import page

    pq.write_table(schema().empty_table(), tmp_path / "none.parquet")
    found = count(tmp_path / "none.parquet")
    assert found.files == 0
    assert "What 0 files express" in page(found)


@pytest.mark.parametrize("content", [b"", b"no table", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_table_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(content)
    with pytest.raises(BatchError, match="cannot read it") as told:
        count(tmp_path / "bad.parquet")
    assert len(str(told.value).splitlines()) == 1
    with pytest.raises(BatchError, match="cannot read it"):
        count(tmp_path / "missing.parquet")


def test_another_table_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"source": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(BatchError, match="no column 'modality'"):
        count(tmp_path / "other.parquet")


def test_the_page_needs_nothing_else_and_runs_nothing(results: Path) -> None:
    pytest.importorskip("matplotlib")
    from emoscope.batch.report.page import page

    text = page(count(results))
    assert "<script" not in text.lower()
    assert not re.search(r"""(src|href)\s*=\s*["']?[^"'#\s]""", text)
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    assert "b &lt;i&gt;.jpg" in text
    assert "<i>.jpg" not in text
    assert "x&amp;y.avi" in text
    assert "ends &lt;early&gt; &quot;there&quot;" in text
    assert "prefers-color-scheme: dark" in text
    for stand_in in ("#010203", "#040506", "#070809", "#0a0b0c"):
        assert stand_in not in text


def test_the_page_is_the_same_every_time(results: Path) -> None:
    pytest.importorskip("matplotlib")
    from emoscope.batch.report.page import page

    assert page(count(results)) == page(count(results))


def test_a_page_that_cannot_be_written_is_one_line(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from emoscope.batch.report import write_page

    (tmp_path / "file").write_text("x")
    with pytest.raises(BatchError, match="cannot write"):
        write_page(count(results), tmp_path / "file" / "page.html")


@pytest.mark.slow
def test_the_page_fits_wide_and_narrow_screens(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    sync_api = pytest.importorskip("playwright.sync_api")
    import shutil

    from emoscope.batch.report import write_page

    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    write_page(count(results), tmp_path / "page.html")
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for width, scheme in ((1200, "light"), (1200, "dark"), (390, "light")):
            context = chromium.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme
            )
            view = context.new_page()
            said: list[Any] = []
            view.on("console", lambda told, said=said: said.append(told.text))
            view.on("request", lambda request, said=said: said.append(request.url))
            view.goto((tmp_path / "page.html").as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") == width
            assert [one for one in said if not str(one).startswith("file:")] == []
            background = view.evaluate("getComputedStyle(document.body).backgroundColor")
            red = int(re.findall(r"\d+", background)[0])
            assert (red < 60) is (scheme == "dark")
        chromium.close()


@pytest.mark.slow
def test_a_million_rows_are_counted_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    rng = np.random.default_rng(0)
    one = table(film("0.mp4", ["happy"] * 50))
    for name in ("sha256", "reason", "error"):
        one = one.append_column(name, pa.nulls(one.num_rows, pa.string()))
    one = one.cast(schema()).drop_columns(["scores"])
    with pq.ParquetWriter(path, one.schema) as writer:
        for group in range(100):
            names = np.repeat([f"{group}-{number}.mp4" for number in range(100)], one.num_rows)
            rows = pa.concat_tables([one] * 100)
            place = rows.schema.get_field_index("source")
            rows = rows.set_column(place, "source", pa.array(names))
            place = rows.schema.get_field_index("confidence")
            sure = pa.array(rng.random(rows.num_rows), pa.float32())
            writer.write_table(rows.set_column(place, "confidence", sure))
    before = pa.total_allocated_bytes()
    found = count(path)
    assert (found.rows, found.files) == (1_000_000, 10_000)
    assert pa.total_allocated_bytes() - before < 64 << 20
    assert pa.default_memory_pool().max_memory() < 512 << 20

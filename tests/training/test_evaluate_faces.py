from __future__ import annotations

import dataclasses
import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.errors import DatasetError
from emoscope.labels import SHARED
from emoscope.training.datasets import fer2013, ferplus
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.ferplus import labelled_by_votes, vote_winner
from emoscope.training.evaluate import Evaluation, Figure, evaluate_face

Build = Callable[..., Path]


def figure(result: Evaluation, name: str) -> Figure:
    return next(item for item in result.further if item.name == name)


def test_labels_and_answers_meet(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build, grey_of: Callable[[str], int]
) -> None:
    # Each emotion once as it is read, and one happy face that reads as sad.
    pictures = [(label, grey_of(label)) for label in SHARED] + [("happy", grey_of("sad"))]
    data = make_fer(tmp_path / "fer", {"validation": pictures})
    result = evaluate_face(tiny_face_model(tmp_path / "m.onnx"), data, "validation")
    metrics = result.main.metrics
    assert metrics.n == 8
    assert metrics.accuracy == 7 / 8
    assert metrics.confusion[SHARED.index("happy")][SHARED.index("sad")] == 1
    assert metrics.recall[SHARED.index("happy")] == 0.5
    assert result.model == "tiny-face@1"
    assert not result.warnings
    assert any("FER+" in note for note in result.notes)


def test_a_model_of_another_size_reads_the_whole_picture_scaled(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build, grey_of: Callable[[str], int]
) -> None:
    pictures = [(label, grey_of(label)) for label in SHARED]
    data = make_fer(tmp_path / "fer", {"validation": pictures})
    for size in (32, 64):
        model = tiny_face_model(tmp_path / f"m{size}.onnx", size=size)
        assert evaluate_face(model, data, "validation").main.metrics.accuracy == 1.0


def test_native_labels_are_mapped_to_the_shared_seven(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build
) -> None:
    model = tiny_face_model(tmp_path / "m.onnx", labels=("contempt", "happy", "calm"))
    data = make_fer(tmp_path / "fer", {"validation": [("happy", 128), ("neutral", 212)]})
    assert evaluate_face(model, data, "validation").main.metrics.accuracy == 1.0


def test_pictures_that_stand_in_train_are_left_out(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build
) -> None:
    rng = np.random.default_rng(0)
    known, fresh = (rng.integers(0, 256, (48, 48)).astype(np.uint8) for _ in range(2))
    data = make_fer(
        tmp_path / "fer",
        {
            "train": [("angry", known)],
            "validation": [("angry", known[:, ::-1]), ("fear", fresh)],
        },
    )
    model = tiny_face_model(tmp_path / "m.onnx")
    result = evaluate_face(model, data, "validation")
    kept = figure(result, "deduplicated").metrics
    assert (result.main.metrics.n, kept.n) == (2, 1)
    assert kept.absent == tuple(name for name in SHARED if name != "fear")
    assert "1 pictures" in figure(result, "deduplicated").protocol


def test_train_is_warned_of(tmp_path: Path, make_fer: Build, tiny_face_model: Build) -> None:
    data = make_fer(tmp_path / "fer", {"train": [("angry", 10)]})
    result = evaluate_face(tiny_face_model(tmp_path / "m.onnx"), data, "train")
    assert "training pictures" in result.warnings[0]
    assert not result.further


def test_votes_choose_pictures_and_labels(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build, grey_of: Callable[[str], int]
) -> None:
    votes = [
        {"happiness": 6, "neutral": 4},  # more than half
        {"happiness": 5, "neutral": 3, "unknown": 2},  # most, not more than half
        {"happiness": 5, "neutral": 5},  # nobody wins
        {"contempt": 9, "neutral": 1},  # none of the seven
        {"NF": 6, "neutral": 4},  # no face
        {"sadness": 10},  # FER2013 says happy, the taggers say sad
    ]
    data = make_fer(
        tmp_path / "fer",
        {"validation": [("happy", grey_of("happy"))] * 6},
        votes=dict(enumerate(votes)),
    )
    corpus = fer2013.load(data, "validation")
    happy, sad = SHARED.index("happy"), SHARED.index("sad")
    assert vote_winner(corpus)[0].tolist() == [happy, happy, -1, -1, -1, sad]
    won = labelled_by_votes(corpus)
    assert won.labels.tolist() == [happy, happy, sad]
    assert won.names == tuple(corpus.names[row] for row in (0, 1, 5))
    without = dataclasses.replace(corpus, tagged=np.zeros_like(corpus.tagged))
    with pytest.raises(DatasetError, match=r"no FER\+ votes"):
        labelled_by_votes(without)
    result = evaluate_face(tiny_face_model(tmp_path / "m.onnx"), data, "validation")
    majority = figure(result, "ferplus_majority").metrics
    plurality = figure(result, "ferplus_plurality").metrics
    assert (majority.n, majority.accuracy) == (2, 0.5)
    assert (plurality.n, plurality.accuracy) == (3, 2 / 3)


def test_each_figure_goes_by_the_output_that_is_meant_for_it(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build, grey_of: Callable[[str], int]
) -> None:
    # The default answer is that of the taggers; the other output knows the label, which is happy.
    happy, sad = SHARED.index("happy"), SHARED.index("sad")
    columns = [{happy: sad, sad: happy}.get(index, index) for index in range(len(SHARED))]
    data = make_fer(
        tmp_path / "fer",
        {"train": [("fear", 10)], "validation": [("happy", grey_of("sad"))] * 3},
        votes={1: {"sadness": 10}, 2: {"sadness": 10}, 3: {"happiness": 10}},
    )
    model = tiny_face_model(tmp_path / "m.onnx", fer2013=columns)
    result = evaluate_face(model, data, "validation", report=tmp_path / "report")
    assert result.main.metrics.accuracy == 1.0
    assert result.main.protocol.endswith("; answered by the model's output for FER2013's labels")
    assert [figure.name for figure in result.further] == [
        *("deduplicated", "default_answer", "ferplus_majority", "ferplus_plurality")
    ]
    assert figure(result, "deduplicated").metrics.accuracy == 1.0
    assert figure(result, "default_answer").metrics.accuracy == 0.0
    assert figure(result, "ferplus_majority").metrics.accuracy == 2 / 3
    assert figure(result, "ferplus_plurality").metrics.accuracy == 2 / 3
    report = (tmp_path / "report" / "report.md").read_text()
    assert "| Default answer | 3 | 0.0%" in report


def test_progress_reaches_the_end_in_steps(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build
) -> None:
    data = make_fer(tmp_path / "fer", {"validation": [("angry", 10)] * 3})
    seen: list[tuple[int, int]] = []
    model = tiny_face_model(tmp_path / "m.onnx")
    evaluate_face(model, data, "validation", lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (6, 6)


def test_a_missing_split_is_named(tmp_path: Path, make_fer: Build, tiny_face_model: Build) -> None:
    data = make_fer(tmp_path / "fer", {"validation": [("angry", 10)]})
    model = tiny_face_model(tmp_path / "m.onnx")
    with pytest.raises(DatasetError, match="expected a folder 'test'"):
        evaluate_face(model, data, "test")
    with pytest.raises(DatasetError, match="no split 'dev'"):
        evaluate_face(model, data, "dev")


def test_the_majority_of_the_real_votes_covers_the_published_number(
    tmp_path: Path, shared_dir: Path
) -> None:
    archive = shared_dir / "data" / "fer2013.tar"
    if not archive.is_file():
        pytest.skip("no FER2013 archive beside the shared media")
    with tarfile.open(archive) as tar:
        members = {Path(member.name): member for member in tar if member.isfile()}
        table = next(path for path in members if path.name == "fer2013new.csv")
        content = tar.extractfile(members[table])
        assert content is not None
        (tmp_path / table.name).write_bytes(content.read())
    votes_of = dict(ferplus.read_table(tmp_path / table.name))
    found = [votes_of[path.name] for path in members if path.parts[-3:-2] == ("validation",)]
    corpus = FaceCorpus.of(
        np.zeros((len(found), 1, 1), np.uint8),
        np.zeros(len(found), np.int64),
        ("",) * len(found),
        votes=np.stack([votes.counts for votes in found]),
        tagged=np.array([votes.tagged for votes in found], np.float32),
    )
    winner, most = vote_winner(corpus)
    assert len(corpus) == 3579
    assert int(((winner >= 0) & (most > corpus.tagged / 2)).sum()) == 2854


def test_kaggles_table_is_measured_like_the_folders(
    tmp_path: Path, tiny_face_model: Build, grey_of: Callable[[str], int]
) -> None:
    lines = ["emotion,pixels,Usage"]
    for usage, label in (("Training", "sad"), ("PublicTest", "happy"), ("PublicTest", "sad")):
        pixels = " ".join([str(grey_of(label))] * 2304)
        lines.append(f"{SHARED.index(label)},{pixels},{usage}")
    (tmp_path / "fer2013.csv").write_text("\n".join([*lines, "3,1 2,PublicTest"]))
    result = evaluate_face(tiny_face_model(tmp_path / "m.onnx"), tmp_path, "validation")
    assert (result.main.metrics.n, result.main.metrics.accuracy) == (2, 1.0)
    assert figure(result, "deduplicated").metrics.n == 2  # flat pictures are like none
    assert any("1 pictures could not be read: fer2013.csv:5" in note for note in result.notes)


def test_ferplus_labels_are_not_taken_for_those_of_fer2013(
    tmp_path: Path, tiny_face_model: Build
) -> None:
    folder = tmp_path / "fer" / "FER2013Valid"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "a.png"), np.zeros((48, 48), np.uint8))
    (folder / "label.csv").write_text("a.png,0,10,0,0,0,0,0,0,0,0\n")
    with pytest.raises(DatasetError, match=r"has FER\+'s labels only"):
        evaluate_face(tiny_face_model(tmp_path / "m.onnx"), folder.parent, "validation")

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emoscope.errors import DatasetError
from emoscope.training.datasets import catalog
from emoscope.training.datasets.catalog import CORPORA, detect, find
from emoscope.training.datasets.corpora import FaceCorpus, SpeechCorpus
from emoscope.training.datasets.load import load, load_faces, load_speech

Build = Callable[..., Path]
Trees = dict[str, Callable[[Path], Path]]

SPEECH = {
    "ravdess": "Actor_12/03-01-05-01-02-01-12.wav",
    "tess": "OAF_angry/OAF_back_angry.wav",
    "emodb": "wav/03a01Fa.wav",
    "cremad": "AudioWAV/1001_DFA_ANG_XX.wav",
}


@pytest.fixture
def trees(make_sounds: Build, make_pictures: Build) -> Trees:
    """A miniature of each layout, by name of the corpus."""

    def table(folder: Path) -> Path:
        folder.mkdir()
        pixels = " ".join(["7"] * 2304)
        (folder / "fer2013.csv").write_text(f"emotion,pixels,Usage\n3,{pixels},Training\n")
        return folder

    def ferplus(folder: Path) -> Path:
        make_pictures(folder, ["FER2013Train/fer0000000.png"])
        row = 'fer0000000.png,"(0, 0, 48, 48)",0,10,0,0,0,0,0,0,0,0\n'
        (folder / "FER2013Train" / "label.csv").write_text(row)
        return folder

    return {
        "fer2013 folders": lambda folder: make_pictures(
            folder, ["train/happy/fer0000000.png", "validation/sad/fer0000001.png"]
        ),
        "fer2013 table": table,
        "ferplus": ferplus,
        "folder pictures": lambda folder: make_pictures(folder, ["happy/a.png", "sad/b.png"]),
        "folder splits": lambda folder: make_pictures(folder, ["train/happy/a.png"], (64, 64)),
        "folder sounds": lambda folder: make_sounds(folder, ["Actor_01/happy/1.wav"]),
        **{
            name: (lambda folder, file=file: make_sounds(folder, [file]))
            for name, file in SPEECH.items()
        },
    }


LAYOUTS = (
    *("fer2013 folders", "fer2013 table", "ferplus", "folder pictures", "folder splits"),
    *("folder sounds", *SPEECH),
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_recognised_and_loaded(
    tmp_path: Path, trees: Trees, gates: list[str], layout: str
) -> None:
    data = trees[layout](tmp_path / "data")
    name = detect(data)
    assert name == layout.split()[0]
    items = load(name, data)
    assert len(items) > 0
    assert items.corpus == name
    assert not items.skipped
    spoken = layout == "folder sounds" or layout in SPEECH
    assert isinstance(items, SpeechCorpus if spoken else FaceCorpus)
    if name in CORPORA:
        assert items.label_set == CORPORA[name].labels
        assert CORPORA[name].role == ("voice" if spoken else "face")
    again = load_speech(name, data) if spoken else load_faces(name, data)
    assert again.names == items.names
    other = load_faces if spoken else load_speech
    with pytest.raises(DatasetError):
        other(name, data)


def test_a_folder_of_corpora_is_refused(tmp_path: Path, trees: Trees) -> None:
    for name in ("ravdess", "emodb"):
        trees[name](tmp_path / name)
    with pytest.raises(DatasetError, match=r"several corpora \(ravdess, emodb\); give the folder"):
        detect(tmp_path)
    assert detect(tmp_path / "emodb") == "emodb"


def test_what_is_no_corpus_is_told_what_was_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a.png").touch()
    (tmp_path / "readme.txt").touch()
    with pytest.raises(DatasetError) as error:
        detect(tmp_path)
    told = str(error.value)
    assert "found 0/, readme.txt" in told
    assert "\n" not in told
    for corpus in CORPORA.values():
        assert f"{corpus.name}: {corpus.layout}" in told
    assert "folder: <label>/" in told
    with pytest.raises(DatasetError, match="no such folder"):
        detect(tmp_path / "none")


def test_a_folder_of_both_kinds_must_be_told_apart(
    tmp_path: Path, make_sounds: Build, make_pictures: Build, gates: list[str]
) -> None:
    make_sounds(tmp_path, ["happy/a.wav"])
    make_pictures(tmp_path, ["happy/a.png", "sad/b.png"])
    with pytest.raises(DatasetError, match="holds 2 pictures and 1 recordings"):
        load("folder", tmp_path)
    assert len(load_faces("folder", tmp_path)) == 2
    assert len(load_speech("folder", tmp_path)) == 1


def test_unknown_names_and_wrong_roles_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no corpus 'iemocap'; known are fer2013, "):
        load("iemocap", tmp_path)
    with pytest.raises(DatasetError, match="no corpus 'x'"):
        find("x")
    with pytest.raises(DatasetError, match="tess is a corpus of voices"):
        load_faces("tess", tmp_path)
    with pytest.raises(DatasetError, match="fer2013 is a corpus of faces"):
        load_speech("fer2013", tmp_path)


def test_ferplus_needs_its_folders(tmp_path: Path, trees: Trees) -> None:
    data = trees["fer2013 folders"](tmp_path / "data")
    with pytest.raises(DatasetError, match=r"expected FER2013Train/label.csv .*; found train/"):
        load("ferplus", data)


def test_the_gate_is_the_callers_choice(tmp_path: Path, trees: Trees, gates: list[str]) -> None:
    data = trees["emodb"](tmp_path / "data")
    load("emodb", data)
    load("emodb", data, gate="silero")
    assert gates == ["light", "silero"]


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=lambda corpus: corpus.name)
def test_every_corpus_can_be_had_and_cited(corpus: catalog.Corpus) -> None:
    assert find(corpus.name) is corpus
    assert bool(corpus.files) != bool(corpus.steps)
    for text in (corpus.title, corpus.citation, corpus.licence, corpus.layout):
        assert text
        assert "\n" not in text
    for file in corpus.files:
        assert re.fullmatch(r"https?://\S+", file.url)
        assert re.fullmatch(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})?", file.digest)
        assert "/" not in file.name
    for step in corpus.steps:
        assert "\n" not in step


def test_what_zenodo_states_of_ravdess() -> None:
    (file,) = find("ravdess").files
    assert file.digest == "md5:bc696df654c87fed845eb13823edef8a"
    assert file.size_bytes == 208_468_073

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emoscope.errors import DatasetError
from emoscope.labels import RAVDESS_LABELS
from emoscope.training.datasets import speech
from emoscope.training.datasets.speech import NAMINGS, corpus_labels, list_clips, read_waveform
from emoscope.voice.light_gate import LightGate

Build = Callable[..., Path]

NAMES = {
    "ravdess": {
        "Actor_07/03-01-01-01-02-01-07.wav": ("07", "neutral", "02"),
        "Actor_07/03-01-02-01-01-01-07.wav": ("07", "calm", "01"),
        "Actor_12/03-01-08-02-02-02-12.flac": ("12", "surprise", "02"),
        "Actor_12/03-02-05-01-02-01-12.wav": None,  # song
        "Actor_12/03-01-09-01-02-01-12.wav": None,
        "Actor_12/notes.wav": None,
    },
    "tess": {
        "OAF_angry/OAF_back_angry.wav": ("OAF", "angry", "back"),
        "YAF_pleasant_surprised/YAF_bar_ps.wav": ("YAF", "surprise", "bar"),
        "OAF_neutral/OA_bite_neutral.wav": ("OAF", "neutral", "bite"),
        "OAF_neutral/OAF_bite_bored.wav": None,
    },
    "emodb": {
        "wav/03a01Fa.wav": ("03", "happy", "a01"),
        "wav/16b10Lb.wav": ("16", "boredom", "b10"),
        "wav/03a01Xa.wav": None,
    },
    "cremad": {
        "AudioWAV/1001_DFA_ANG_XX.wav": ("1001", "angry", "DFA"),
        "AudioWAV/1091_IEO_NEU_XX.wav": ("1091", "neutral", "IEO"),
        "AudioWAV/1040_ITH_SAD_X.wav": ("1040", "sad", "ITH"),
        "AudioWAV/1002_IEO_HAP_HI.mp3": ("1002", "happy", "IEO"),
        "AudioWAV/1002_IEO_SUR_HI.wav": None,
    },
}


def touch(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("corpus", list(NAMES))
def test_names_say_speaker_label_and_sentence(corpus: str, tmp_path: Path) -> None:
    clips = list_clips(corpus, touch(tmp_path, list(NAMES[corpus])))
    got = {c.path.relative_to(tmp_path).as_posix(): (c.speaker, c.label, c.sentence) for c in clips}
    assert got == {name: wanted for name, wanted in NAMES[corpus].items() if wanted}
    assert [c.path for c in clips] == sorted(c.path for c in clips)
    assert {c.label for c in clips} <= set(corpus_labels(corpus).names)


@pytest.mark.parametrize(
    ("corpus", "clips", "speakers", "sentences"),
    [("ravdess", 1200, 20, 2), ("tess", 2800, 2, 200), ("emodb", 408, 8, 10)],
)
def test_every_real_name_is_understood(
    shared_dir: Path, corpus: str, clips: int, speakers: int, sentences: int
) -> None:
    archive = shared_dir / "data" / f"{corpus}.tar"
    if not archive.is_file():
        pytest.skip(f"no {corpus} archive beside the shared media")
    with tarfile.open(archive) as tar:
        stems = [Path(member.name).stem for member in tar if member.isfile()]
    found = [parsed for stem in stems if (parsed := NAMINGS[corpus].parse(stem)) is not None]
    assert len(found) == len(stems) == clips
    assert len({speaker for speaker, _, _ in found}) == speakers
    assert len({sentence for _, _, sentence in found}) == sentences
    assert {label for _, label, _ in found} == set(corpus_labels(corpus).names)
    if corpus == "tess":  # every word in every emotion by both
        assert set(Counter(found).values()) == {1}


def test_other_folders_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, ["speech.wav"])
    with pytest.raises(DatasetError, match=r"no file is named as ravdess.*; found speech.wav"):
        list_clips("ravdess", tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        list_clips("tess", tmp_path / "none")
    with pytest.raises(DatasetError, match="no corpus 'iemocap'"):
        list_clips("iemocap", tmp_path)


def test_an_archive_that_holds_itself_again_is_read_once(tmp_path: Path) -> None:
    inner = "TESS Toronto emotional speech set data"
    names = ["OAF_Fear/OAF_back_fear.wav", "YAF_sad/YAF_back_sad.wav"]
    touch(tmp_path, names + [f"{inner}/{name}" for name in names])
    clips = list_clips("tess", tmp_path)
    assert [clip.path.relative_to(tmp_path).as_posix() for clip in clips] == names
    touch(tmp_path / "outer", [f"{inner}/{names[0]}"])
    assert len(list_clips("tess", tmp_path / "outer")) == 1


def test_of_two_formats_the_uncompressed_one_is_read(tmp_path: Path) -> None:
    touch(tmp_path, ["AudioMP3/1001_DFA_ANG_XX.mp3", "AudioWAV/1001_DFA_ANG_XX.wav"])
    touch(tmp_path, ["AudioMP3/1002_DFA_ANG_XX.mp3"])
    names = [clip.path.name for clip in list_clips("cremad", tmp_path)]
    assert names == ["1002_DFA_ANG_XX.mp3", "1001_DFA_ANG_XX.wav"]


def test_a_corpus_comes_decoded_with_the_extent_of_its_speech(
    tmp_path: Path, make_sounds: Build, gates: list[str]
) -> None:
    data = make_sounds(tmp_path, [f"Actor_07/03-01-0{code}-01-02-01-07.wav" for code in (1, 5)])
    seen: list[tuple[int, int]] = []
    corpus = speech.load("ravdess", data, lambda done, total: seen.append((done, total)))
    assert gates == ["light"]
    assert corpus.label_set == RAVDESS_LABELS
    assert [RAVDESS_LABELS.names[i] for i in corpus.labels] == ["neutral", "angry"]
    assert corpus.names[0] == "ravdess/Actor_07/03-01-01-01-02-01-07.wav"
    assert corpus.speakers == ("ravdess 07", "ravdess 07")
    assert [waveform.shape for waveform in corpus.waveforms] == [(12_800,)] * 2
    assert corpus.extents.tolist() == [[3200, 9600]] * 2
    assert np.array_equal(corpus.speech(1), corpus.waveforms[1][3200:9600])
    assert seen == [(1, 2), (2, 2)]
    assert not corpus.skipped
    assert not corpus.notes


def test_recordings_that_cannot_be_read_are_named_and_left_out(
    tmp_path: Path, make_sounds: Build, make_wav: Build, make_pictures: Build, gates: list[str]
) -> None:
    names = [f"wav/03a0{number}Wa.wav" for number in (1, 2, 3, 4, 5, 6, 7)]
    make_sounds(tmp_path, names[:2])
    (tmp_path / names[1]).write_bytes(b"RIFF nonsense")
    (tmp_path / names[2]).touch()
    make_wav(tmp_path / names[3], np.zeros(8000))
    make_wav(tmp_path / names[4], np.zeros(0))
    (tmp_path / names[5]).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / names[6]).symlink_to(tmp_path / "gone.wav")
    corpus = speech.load("emodb", tmp_path)
    assert [clip.path.name for clip in corpus.clips] == ["03a01Wa.wav"]
    assert len(corpus.waveforms) == len(corpus.extents) == 1
    assert [line.split(": ")[0] for line in corpus.skipped] == names[1:]
    told = "\n".join(corpus.skipped)
    assert told.count("\n") == 5
    assert "holds only silence" in told
    assert "git lfs pull" in told
    assert "no such file" in told
    (tmp_path / names[0]).write_bytes(b"broken")
    with pytest.raises(DatasetError, match=r"none of its 7 recordings can be read; wav/03a01Wa"):
        speech.load("emodb", tmp_path)


def test_other_recordings_and_unheard_speech_are_told(
    tmp_path: Path, make_sounds: Build, make_wav: Build, gates: list[str]
) -> None:
    make_sounds(tmp_path, ["wav/03a01Wa.wav", "wav/speech.wav", "wav/other.wav"])
    make_wav(tmp_path / "wav" / "03a02Wa.wav", np.full(8000, 0.001))
    corpus = speech.load("emodb", tmp_path)
    assert corpus.extents.tolist() == [[3200, 9600], [0, 8000]]
    assert "2 other recordings left out" in corpus.notes[0]
    assert "other.wav" in corpus.notes[0]
    assert corpus.notes[1] == "In 1 of 2 clips the gate heard no speech: read whole."


def test_one_class_alone_is_read(tmp_path: Path, make_sounds: Build, gates: list[str]) -> None:
    corpus = speech.load("tess", make_sounds(tmp_path, ["OAF_sad/OAF_back_sad.wav"]))
    assert len(corpus) == 1
    assert corpus.label_set == corpus_labels("tess")


def test_real_speech_is_cut_as_the_light_gate_hears_it(tmp_path: Path, shared_dir: Path) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "03a01Wa.flac").symlink_to(shared_dir / "media" / "speech.flac")
    corpus = speech.load("emodb", tmp_path)
    gate = LightGate()
    spans = [*gate.push(corpus.waveforms[0]), *gate.flush()]
    wanted = [round(spans[0].start_s * 16_000), round(spans[-1].end_s * 16_000)]
    assert corpus.extents.tolist() == [wanted]
    assert not corpus.notes


def test_a_clip_is_decoded_as_in_use(tmp_path: Path, make_wav: Build) -> None:
    rng = np.random.default_rng(0)
    wanted = rng.uniform(-0.5, 0.5, 40_000)
    got = read_waveform(make_wav(tmp_path / "a.wav", wanted))
    assert got.dtype == np.float32
    assert np.abs(got - wanted).max() < 1e-4

"""Pictures are judged by what can be seen: colours, edges, sizes."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.errors import DatasetError, MissingExtraError
from emoscope.labels import SHARED, LabelSet
from emoscope.training.datasets.corpora import Clip, FaceCorpus, SpeechCorpus
from emoscope.training.metrics import measure
from emoscope.training.predictions import Predictions
from emoscope.training.report.confusion import draw_confusion
from emoscope.training.report.curves import draw_curves, read_curves
from emoscope.training.report.matrix_picture import draw_matrix
from emoscope.training.report.reliability import draw_reliability
from emoscope.training.report.sheet import draw_mistakes, log_mel, worst
from emoscope.training.spectrogram import HOP, MELS, WINDOW, fourier_matrix, mel_matrix

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
cv2 = pytest.importorskip("cv2")

TWO_VOICES = tuple(f"{who}/{name}" for who in ("OAF", "YAF") for name in SHARED)
BLUE, ORANGE = (0x08, 0x40, 0x7C), (0xD5, 0x5E, 0x00)


def look(path: Path) -> NDArray[np.uint8]:
    """The picture, whose edge nothing may touch: what does would be cut off."""
    bgr = cv2.imread(str(path))
    edge = 12
    sides = (bgr[:edge], bgr[-edge:], bgr[:, :edge], bgr[:, -edge:])
    assert all((side == 255).all() for side in sides), "something reaches the edge of the page"
    return np.asarray(bgr[:, :, ::-1], np.uint8)


def share_of(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> float:
    """Share of the page in about that colour."""
    low, high = (tuple(int(np.clip(c + by, 0, 255)) for c in colour) for by in (-12, 12))
    return float((cv2.inRange(image, low, high) > 0).mean())


def answers(
    truth: NDArray[np.int64], answer: NDArray[np.int64], labels: tuple[str, ...], sure: float = 0.9
) -> Predictions:
    k = len(labels)
    probs = np.full((len(truth), k), (1 - sure) / (k - 1))
    probs[np.arange(len(truth)), answer] = sure
    names = tuple(f"{row:03d}.png" for row in range(len(truth)))
    return Predictions(names, truth, probs, labels, ("",) * len(truth))


def draw(predictions: Predictions, path: Path) -> NDArray[np.uint8]:
    metrics = measure(predictions.probs, predictions.truth, predictions.labels)
    draw_confusion(metrics, "model@1 on corpus", path)
    return look(path)


def test_right_answers_are_blue_and_wrong_ones_orange(tmp_path: Path) -> None:
    truth = np.arange(70) % 7
    right = draw(answers(truth, truth, SHARED), tmp_path / "right.png")
    wrong = draw(answers(truth, (truth + 1) % 7, SHARED), tmp_path / "wrong.png")
    assert share_of(right, BLUE) > 0.05
    assert share_of(right, ORANGE) < 0.001 + 7 * 20**2 / right[:, :, 0].size
    assert share_of(wrong, ORANGE) > 0.05
    assert share_of(wrong, BLUE) < 0.001


def test_shades_are_shares_of_the_row(tmp_path: Path) -> None:
    # The same errors of a class ten times as large are as dark.
    truth = np.repeat([0, 1], [10, 100])
    answer = np.concatenate([[1] * 5, [0] * 5, [1] * 50, [0] * 50])
    image = draw(answers(truth, answer, ("happy", "sad")), tmp_path / "x.png")
    pixels = image.reshape(-1, 3)
    vivid = pixels[np.ptp(pixels, axis=1) > 40].astype(np.int64) @ (65536, 256, 1)
    counts = np.unique(vivid, return_counts=True)[1]
    assert (counts > 4000).sum() == 2, "one blue, one orange"


@pytest.mark.parametrize("labels", [("happy", "sad"), SHARED, TWO_VOICES])
def test_every_number_of_classes_fits(tmp_path: Path, labels: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    truth, answer = (rng.integers(0, len(labels), 5000) for _ in range(2))
    assert draw(answers(truth, answer, labels), tmp_path / "x.png").shape[1] == 1280


def test_long_and_odd_names_fit(tmp_path: Path) -> None:
    labels = tuple(f"{'very ' * 9}$a_{{$ 声 speaker/{name}" for name in SHARED)
    truth = np.arange(21) % 7
    predictions = answers(truth, (truth + 1) % 7, labels)
    draw(predictions, tmp_path / "x.png")
    items = faces(predictions)
    assert draw_mistakes(predictions, items, r"$\frac$ " * 20, tmp_path / "y.png")
    look(tmp_path / "y.png")


def test_an_absent_class_is_drawn(tmp_path: Path) -> None:
    truth = np.array([0, 0, 1])
    draw(answers(truth, truth, SHARED), tmp_path / "x.png")


def test_reliability_shades_which_way_it_errs(tmp_path: Path) -> None:
    truth = np.zeros(100, np.int64)
    labels = ("happy", "sad", "fear")
    orange, pale = (238, 191, 153), (186, 202, 218)
    bold = answers(truth, np.repeat([0, 1], [40, 60]), labels, sure=0.9)
    shy = answers(truth, np.repeat([0, 1], [95, 5]), labels, sure=0.5)
    for predictions, more, less in ((bold, orange, pale), (shy, pale, orange)):
        path = tmp_path / "x.png"
        probs, truth = predictions.probs, predictions.truth
        draw_reliability(measure(probs, truth, labels), probs, truth, "model", path)
        image = look(path)
        assert share_of(image, more) > 10 * share_of(image, less) > 0


def curves(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


FULL = (
    "epoch,loss,seconds,held_loss,held_accuracy\n1,2.0,9,1.9,0.3\n2,1.5,9,1.6,0.4\n3,1,9,1.5,0.5\n"
)


def test_curves_show_what_the_table_has(tmp_path: Path) -> None:
    table = curves(tmp_path / "full.csv", FULL)
    assert read_curves(table) == {
        "loss": [(1, 2.0), (2, 1.5), (3, 1.0)],
        "held_loss": [(1, 1.9), (2, 1.6), (3, 1.5)],
        "held_accuracy": [(1, 0.3), (2, 0.4), (3, 0.5)],
    }
    draw_curves(table, "model", tmp_path / "full.png")
    full = look(tmp_path / "full.png")
    draw_curves(curves(tmp_path / "loss.csv", "epoch,loss\n1,2\n2,1\n"), "m", tmp_path / "l.png")
    loss = look(tmp_path / "l.png")
    assert loss.shape[0] < full.shape[0], "no panel of accuracy"
    assert share_of(full, BLUE) > 0 == share_of(loss, BLUE), "no line of what is held back"


@pytest.mark.parametrize(
    "text",
    [
        "epoch,loss,held_loss,held_accuracy\n1,2.0,1.9,0.3\n",
        "epoch,loss,held_loss,held_accuracy\n1,0.5,0.5,1\n2,0.5,0.5,1\n",
        "epoch,loss,held_loss,held_accuracy\n1,,1.9,0.3\n2,nan,,\n3,2,1,0.5\n",
        "epoch,loss\n",
    ],
)
def test_odd_curves_are_drawn(tmp_path: Path, text: str) -> None:
    draw_curves(curves(tmp_path / "x.csv", text), "model", tmp_path / "x.png")
    look(tmp_path / "x.png")


@pytest.mark.parametrize("text", ["epoch,loss\nfirst,2\n", "loss\n2\n", "epoch,loss\n1,much\n"])
def test_what_is_no_curve_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatasetError, match=r"x\.csv: not the curves"):
        draw_curves(curves(tmp_path / "x.csv", text), "model", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def faces(predictions: Predictions, greys: list[int] | None = None) -> FaceCorpus:
    greys = greys or [0] * len(predictions)
    crops = np.stack([np.full((48, 48), grey, np.uint8) for grey in greys])
    return FaceCorpus.of(crops, predictions.truth, predictions.names)


def test_the_surest_mistakes_come_first_and_names_settle_ties() -> None:
    truth = np.array([0, 0, 0, 0, 0])
    predictions = answers(truth, np.array([1, 1, 0, 1, 1]), ("happy", "sad"))
    probs = predictions.probs.copy()
    probs[3] = (0.01, 0.99)
    predictions = dataclasses.replace(predictions, probs=probs)
    assert worst(predictions, 9).tolist() == [3, 0, 1, 4]
    assert worst(predictions, 2).tolist() == [3, 0]


def test_the_sheet_shows_the_pictures_it_names(tmp_path: Path) -> None:
    truth = np.zeros(3, np.int64)
    predictions = answers(truth, np.array([1, 0, 1]), SHARED)
    probs = predictions.probs.copy()
    probs[2] = np.eye(7)[1]
    predictions = dataclasses.replace(predictions, probs=probs)
    items = faces(predictions, [40, 90, 200]).take(np.array([1, 2, 0]))  # in another order
    assert draw_mistakes(predictions, items, "model", tmp_path / "x.png")
    image = look(tmp_path / "x.png")
    greys = {
        grey: np.argwhere((image == grey).all(2)).mean(0)
        for grey in (40, 90, 200)
        if (image == grey).all(2).sum() > 10_000
    }
    assert set(greys) == {40, 200}, "what was right is not shown"
    assert greys[200][1] < greys[40][1], "the surest stands first"


def test_without_a_mistake_there_is_no_sheet(tmp_path: Path) -> None:
    truth = np.arange(7)
    predictions = answers(truth, truth, SHARED)
    assert not draw_mistakes(predictions, faces(predictions), "model", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def voices(predictions: Predictions, waveforms: list[NDArray[np.float32]]) -> SpeechCorpus:
    labels = LabelSet(predictions.labels)
    clips = tuple(
        Clip(Path(f"a/{row}.wav"), "c", "01", labels.names[label])
        for row, label in enumerate(predictions.truth.tolist())
    )
    extents = np.array([[0, len(waveform)] for waveform in waveforms], np.int64)
    return SpeechCorpus(clips, tuple(waveforms), extents, labels)


def test_sounds_are_drawn_long_short_silent_and_empty(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=16_000).astype(np.float32)
    waveforms = [noise, noise[:50], np.zeros(8000, np.float32), np.zeros(0, np.float32)]
    truth = np.zeros(4, np.int64)
    predictions = answers(truth, truth + 1, ("happy", "sad"))
    items = voices(predictions, waveforms)
    predictions = dataclasses.replace(predictions, names=items.names)
    assert draw_mistakes(predictions, items, "model", tmp_path / "x.png")
    dark = (look(tmp_path / "x.png").astype(int) @ [1, 1, 1]) < 400
    loud, empty = dark[190:360, 64:330].mean(), dark[190:360, 950:1216].mean()
    assert loud > 0.3
    assert empty < 0.02


def test_the_spectrogram_is_what_the_voice_model_reads() -> None:
    waveform = np.random.default_rng(3).normal(size=8000).astype(np.float32)
    frames = np.stack([waveform[at : at + WINDOW] for at in range(0, 8000 - WINDOW + 1, HOP)])
    real, imaginary = np.split(frames @ fourier_matrix().T, 2, axis=1)
    wanted = 10 * np.log10(((real**2 + imaginary**2) @ mel_matrix()).T)
    got = log_mel(waveform)
    assert got.shape == (MELS, len(frames))
    assert got == pytest.approx(wanted - wanted.max(), abs=1e-2)
    assert log_mel(np.zeros(5, np.float32)).max() == 0


def test_the_matrix_darkens_with_the_share(tmp_path: Path) -> None:
    names = ("ravdess", "a corpus of a very long name")
    for share in (1.0, 0.1):
        rows = [[share] * 2] * 2
        draw_matrix("recipe", names, rows, [[1234] * 2] * 2, tmp_path / f"{share}.png")
    dark, light = (share_of(look(tmp_path / f"{share}.png"), BLUE) for share in (1.0, 0.1))
    assert dark > 0.15 > 0.001 > light


def test_nobodys_settings_matter_or_change(tmp_path: Path) -> None:
    truth = np.arange(14) % 7
    predictions = answers(truth, truth[::-1].copy(), SHARED)
    draw(predictions, tmp_path / "plain.png")
    garish = {"figure.facecolor": "red", "font.size": 40, "savefig.bbox": "tight"}
    with matplotlib.rc_context(garish):
        before = dict(matplotlib.rcParams)
        draw(predictions, tmp_path / "garish.png")
        assert dict(matplotlib.rcParams) == before
    plain, other = ((tmp_path / name).read_bytes() for name in ("plain.png", "garish.png"))
    assert plain == other


def test_pyplot_is_not_touched(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from emoscope.training.report.matrix_picture import draw_matrix;"
        "import emoscope.training.report;"
        "assert 'matplotlib' not in sys.modules;"
        f"draw_matrix('r', ('a',), [[1]], [[1]], Path({str(tmp_path / 'x.png')!r}));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"emoscope\[train\]"):
        draw_matrix("recipe", ("a",), [[0.5]], [[1]], tmp_path / "x.png")

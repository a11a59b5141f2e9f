from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")

from emoscope.errors import ModelError  # noqa: E402
from emoscope.face.recognise import FaceRecogniser  # noqa: E402
from emoscope.labels import SHARED  # noqa: E402
from emoscope.models.load import load  # noqa: E402
from emoscope.training.nets.face import VOTE_SHARE, FaceNet  # noqa: E402
from emoscope.training.nets.voice import VoiceNet  # noqa: E402
from emoscope.training.ship import finish_face, load_average  # noqa: E402


def write_run(folder: Path, network: torch.nn.Module, epoch: int = 2) -> Path:
    average = torch.optim.swa_utils.AveragedModel(network, use_buffers=True)
    state = {"epoch": epoch, "schedule": {"epochs": 2}, "average": average.state_dict()}
    folder.mkdir()
    torch.save(state, folder / "checkpoint.pt")
    return folder


def test_a_run_becomes_a_model_that_says_how_it_was_measured(
    tmp_path: Path, make_fer: Callable[..., Path]
) -> None:
    torch.manual_seed(4)
    network = FaceNet()
    run = write_run(tmp_path / "run", network)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (140, 12, 12), dtype=np.uint8)
    pictures = pictures.repeat(4, axis=1).repeat(4, axis=2)
    named = [(SHARED[i % 7], picture) for i, picture in enumerate(pictures)]
    data = make_fer(tmp_path / "fer", {"train": named[:100], "validation": named[86:]})
    said: list[str] = []
    before = (run / "checkpoint.pt").read_bytes()
    result = finish_face(run, data, tmp_path / "out/model.onnx", "1.2", say=said.append)
    assert (run / "checkpoint.pt").read_bytes() == before
    metadata = load(tmp_path / "out").metadata
    assert metadata.at_version == result.model == "emoscope-face@1.2"
    assert metadata.calibration["n"] == 4, "5% of the 86 training pictures that are not reported"
    full, fresh = (metadata.metrics["fer2013"][name] for name in ("validation", "deduplicated"))
    assert (full["n"], fresh["n"]) == (54, 40)
    assert full["accuracy"] == result.main.metrics.accuracy
    assert len(said) == 2
    # The temperature is inside: the file answers softmax(logits / T).
    probs, _ = FaceRecogniser(tmp_path / "out").read(pictures[:5])
    network.eval()
    with torch.inference_mode():
        labels, votes, _ = network(torch.from_numpy(pictures[:5]))
        logits = (1 - VOTE_SHARE) * labels + VOTE_SHARE * votes[:, :7]  # without contempt
    wanted = torch.softmax(logits / metadata.calibration["temperature"], 1).numpy()
    assert np.abs(probs - wanted).max() < 1e-4


def test_the_average_is_loaded_and_not_the_last_step(tmp_path: Path) -> None:
    network = FaceNet()
    run = write_run(tmp_path / "run", network)
    other = FaceNet()
    assert load_average(other, run) == 2
    assert not other.training
    for name, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_runs_that_cannot_be_shipped_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        load_average(FaceNet(), tmp_path)
    run = write_run(tmp_path / "run", FaceNet(), epoch=1)
    with pytest.raises(ModelError, match="epoch 1 of 2"):
        load_average(FaceNet(), run)
    assert load_average(FaceNet(), run, unfinished=True) == 1
    with pytest.raises(ModelError, match="another network"):
        load_average(VoiceNet(), run, unfinished=True)

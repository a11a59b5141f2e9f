"""Files in place of devices give the right labels, steadily."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from emoscope.analyzer import Analyzer
from emoscope.face.detect import DetectorChoice
from emoscope.live import Capture, LiveEngine, LiveState, camera, microphone
from emoscope.live.cameras import FileCamera
from emoscope.live.pace import Pace
from emoscope.live.reading import LiveReader
from emoscope.media import Frame

PATIENCE_S = 120.0


def detector_of(choice: DetectorChoice, shared_dir: Path) -> DetectorChoice:
    """The choice, with its file where the models lie."""
    if choice == "yunet":
        from emoscope.models import store

        file = shared_dir / "models/yunet_n_640_640.onnx"
        if not file.is_file():
            pytest.skip("no yunet among the shared models")
        spec_place = store.cache_dir() / "yunet"
        spec_place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, spec_place / file.name)
    return choice


def thinned(frames: Iterable[Frame], fps: float) -> Iterable[Frame]:
    """As a reader sees them that manages only so many a second."""
    last_s = -1.0
    for frame in frames:
        if frame.time_s - last_s >= 1 / fps - 0.002:
            last_s = frame.time_s
            yield frame


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["yunet", "haar"])
def test_a_smiling_woman_is_happy_without_flicker(shared_dir: Path, choice: DetectorChoice) -> None:
    """At most one change of label after the first second, though single readings change often."""
    analyzer = Analyzer(detector=detector_of(choice, shared_dir))
    frames = list(FileCamera(shared_dir / "media/smile.mp4", Pace(realtime=False)).frames())
    for fps, detect_every in ((10.0, 1), (15.0, 3)):
        reader = LiveReader(analyzer, detect_every=detect_every, smooth_s=0.5, keep_s=60.0)
        faces: list[str | None] = []
        fused: list[str | None] = []
        for frame in thinned(frames, fps):
            reader.see(frame)
            state = reader.state()
            assert len(state.faces) == 1
            if frame.time_s >= 1.0:
                faces.append(state.faces[0].label)
                fused.append(state.fused_label)
        for labels in (faces, fused):
            assert sum(a != b for a, b in pairwise(labels)) <= 1
            assert labels.count("happy") > 0.8 * len(labels)


@pytest.mark.slow
def test_files_stand_in_for_camera_and_microphone(shared_dir: Path) -> None:
    states: list[LiveState] = []
    eye = camera(str(shared_dir / "media/portrait.jpg"), realtime=False)
    ear = microphone(str(shared_dir / "media/speech.flac"), realtime=True)
    assert eye is not None
    assert ear is not None
    began = time.monotonic()

    def clock() -> float:
        return time.monotonic() - began

    with (
        LiveEngine(Analyzer(detector="haar"), on_reading=states.append) as engine,
        Capture(ear, engine.push_sound, clock) as listening,
    ):
        for frame in eye.frames():
            engine.push_frame(Frame(clock(), frame.image_rgb))
            if listening.wait(0.1):
                break
        assert listening.message is not None
        assert listening.message.endswith("it ended")
        eye.close()
        found = engine.close()
    spoken = [state for state in states if state.speaking and state.voice is not None]
    assert spoken
    assert {state.voice.held for state in spoken if state.voice} == {False}
    assert any(state.voice and state.voice.held for state in states)
    assert states[-1].sound_lost_s == 0.0
    assert [face.label for face in states[-1].faces][:1] == [found.faces[-1].scores.top]
    assert len(found.voice) >= 3
    assert any(state.fused and state.fused.congruence is not None for state in states)

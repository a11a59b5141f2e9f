"""Cameras and microphones: files that stand in for them, devices that are there, die and return."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emoscope.errors import (
    MediaNotFoundError,
    MissingExtraError,
    SourceError,
    UnsupportedMediaError,
)
from emoscope.live import camera, microphone
from emoscope.live.cameras import DeviceCamera, FileCamera, IterableCamera
from emoscope.live.microphones import DeviceMicrophone, FileMicrophone, IterableMicrophone
from emoscope.live.pace import Pace
from emoscope.media import SAMPLE_RATE, Frame, Sound


class FakePace(Pace):
    """Time passes when somebody waits, or when ``late`` says that something took long."""

    def __init__(self, late: dict[int, float] | None = None) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.late = late or {}

    def until(self, time_s: float) -> float:
        self.waits.append(time_s)
        return self.late.get(len(self.waits) - 1, 0.0)


class FakeDevice:
    """What OpenCV calls a capture: some pictures, then nothing."""

    def __init__(self, pictures: int, opens: bool = True) -> None:
        self.left, self.opens, self.released = pictures, opens, 0

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def set(self, what: int, value: float) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        image = np.zeros((4, 6, 3), np.uint8)
        image[..., 0] = 200
        return (True, image) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released += 1


def test_a_video_gives_its_frames_at_their_times(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    pace = FakePace()
    source = FileCamera(make_video(tmp_path / "film.mp4", seconds=1.0, fps=10), pace)
    frames = list(source.frames())
    assert [round(frame.time_s, 3) for frame in frames] == [index / 10 for index in range(10)]
    assert pace.waits == [frame.time_s for frame in frames]
    assert source.name.endswith("film.mp4")


def test_frames_that_are_late_are_left_out_as_a_camera_would(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    late = dict.fromkeys(range(2, 20), 0.4)
    source = FileCamera(make_video(tmp_path / "film.mp4", seconds=2.0, fps=10), FakePace(late))
    times = [round(frame.time_s, 1) for frame in source.frames()]
    assert times == [0.0, 0.1, 0.6, 1.1, 1.6]


def test_a_picture_is_shown_for_as_long_as_one_looks(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), np.full((8, 8, 3), 90, np.uint8))
    source = camera(str(path), realtime=False)
    assert source is not None
    frames = source.frames()
    first = [next(frames) for _ in range(25)]
    assert [frame.time_s for frame in first[:3]] == [0.0, 0.1, 0.2]
    source.close()
    assert list(frames) == []


def test_a_folder_gives_its_pictures_in_order(tmp_path: Path) -> None:
    for name, grey in (("b.png", 20), ("a.png", 10), ("c.jpg", 30)):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), grey, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    source = camera(str(tmp_path), realtime=False)
    assert source is not None
    found = [(frame.time_s, int(frame.image_rgb[0, 0, 0])) for frame in source.frames()]
    assert found == [(0.0, 10), (0.5, 20), (1.0, 30)]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UnsupportedMediaError, match="without pictures"):
        camera(str(tmp_path))


def test_a_recording_gives_its_sound_in_short_stretches(
    tmp_path: Path, make_wav: Callable[..., Path]
) -> None:
    pace = FakePace()
    wave = np.linspace(-0.5, 0.5, SAMPLE_RATE)
    source = FileMicrophone(make_wav(tmp_path / "sound.wav", wave), pace)
    sounds = list(source.sounds())
    assert max(len(sound.waveform) for sound in sounds) == 800
    assert sum(len(sound.waveform) for sound in sounds) == SAMPLE_RATE
    assert pace.waits == [sound.end_s for sound in sounds]
    joined = np.concatenate([sound.waveform for sound in sounds])
    assert np.abs(joined - wave).max() < 1e-3


def test_the_sound_of_a_video_stands_in_for_a_microphone(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    path = make_video(tmp_path / "film.mp4", seconds=1.0, sound=np.zeros(16_000, np.float32))
    source = microphone(str(path), realtime=False)
    assert source is not None
    assert sum(len(sound.waveform) for sound in source.sounds()) >= 15_000


def test_closing_ends_what_waits(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    source = FileCamera(make_video(tmp_path / "film.mp4", seconds=1.0, fps=10))
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []


def test_anything_that_gives_frames_or_sound_can_be_a_source(
    paint: Callable[..., Frame], utter: Callable[..., Sound]
) -> None:
    frames = [paint(0.0, "happy"), paint(0.5, "sad")]
    assert list(IterableCamera(iter(frames)).frames()) == frames
    sounds = [utter(0.0, 0.5), utter(0.5, 0.5)]
    assert list(IterableMicrophone(sounds).sounds()) == sounds


def test_off_is_none_and_addresses_are_refused() -> None:
    assert camera("off") is None
    assert microphone("off") is None
    for address in ("rtsp://camera.local/1", "http://example.org/x.mp4"):
        with pytest.raises(SourceError, match="CameraSource in Python"):
            camera(address)
        with pytest.raises(SourceError, match="address"):
            microphone(address)


def test_what_is_no_medium_is_named(
    tmp_path: Path, make_wav: Callable[..., Path], make_video: Callable[..., Path]
) -> None:
    with pytest.raises(MediaNotFoundError):
        camera(str(tmp_path / "missing.mp4"))
    with pytest.raises(MediaNotFoundError):
        microphone("missing.wav")
    with pytest.raises(UnsupportedMediaError, match="has no picture"):
        camera(str(make_wav(tmp_path / "sound.wav", np.zeros(1600))))
    with pytest.raises(UnsupportedMediaError, match="has no sound"):
        microphone(str(make_video(tmp_path / "silent.mp4")))


def test_no_camera_at_all_is_one_clear_line() -> None:
    device = FakeDevice(0, opens=False)
    with pytest.raises(SourceError, match="camera 7: cannot be opened; plug one in") as caught:
        DeviceCamera(7, lambda number: device)
    assert "\n" not in str(caught.value)
    assert device.released == 1


def test_a_camera_stamps_and_turns_its_pictures() -> None:
    times = iter([5.0, 5.5, 6.0])
    device = FakeDevice(2)
    source = DeviceCamera(0, lambda number: device, lambda: next(times))
    frames = source.frames()
    first, second = next(frames), next(frames)
    assert (first.time_s, second.time_s) == (0.5, 1.0)
    assert tuple(first.image_rgb[0, 0]) == (0, 0, 200)
    with pytest.raises(SourceError, match="no picture any more"):
        next(frames)
    assert device.released == 1


def test_a_camera_that_went_away_is_opened_anew() -> None:
    devices = [FakeDevice(1), FakeDevice(1)]
    left = iter(devices)
    source = DeviceCamera(0, lambda number: next(left))
    for device in devices:
        frames = source.frames()
        next(frames)
        with pytest.raises(SourceError):
            next(frames)
        assert device.released == 1


def test_a_camera_is_released_however_it_ends() -> None:
    unread, read = FakeDevice(9), FakeDevice(9)
    never = DeviceCamera(0, lambda number: unread)
    never.close()
    never.close()
    assert unread.released == 1
    assert list(never.frames()) == []
    source = DeviceCamera(0, lambda number: read)
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []
    assert read.released == 1


class FakeSoundDevice(types.ModuleType):
    """A sound card: 16 kHz or its own rate, blocks until it is unplugged."""

    class PortAudioError(Exception):
        pass

    def __init__(self, rate: int = 16_000, only_own: bool = False) -> None:
        super().__init__("sounddevice")
        self.rate, self.only_own = rate, only_own
        self.missing = False
        self.open = 0
        module = self

        class InputStream:
            def __init__(self, **options: Any) -> None:
                if module.missing:
                    raise module.PortAudioError("Device unavailable [PaErrorCode -9985]")
                self.options = options

            def __enter__(self) -> Any:
                module.open += 1
                size = self.options["blocksize"]
                ramp = np.sin(np.arange(10 * size) * 2 * np.pi * 200 / self.options["samplerate"])
                for block in ramp.astype(np.float32).reshape(10, size, 1):
                    self.options["callback"](block, size, None, None)
                return self

            def __exit__(self, *error: object) -> None:
                module.open -= 1

        self.InputStream = InputStream

    def query_devices(self, device: Any, kind: str) -> dict[str, Any]:
        if self.missing or device == "nothing":
            raise ValueError(f"No input device matching {device!r}")
        return {"default_samplerate": float(self.rate)}

    def check_input_settings(self, **options: Any) -> None:
        if self.only_own and options["samplerate"] != self.rate:
            raise self.PortAudioError("Invalid sample rate")


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeSoundDevice]:
    def install(*args: Any) -> FakeSoundDevice:
        card = FakeSoundDevice(*args)
        monkeypatch.setitem(sys.modules, "sounddevice", card)
        return card

    monkeypatch.setattr("emoscope.live.microphones.SILENT_AFTER_S", 0.1)
    return install


def take(sounds: Iterator[Sound], count: int) -> list[Sound]:
    return [next(sounds) for _ in range(count)]


@pytest.mark.parametrize(("rate", "only_own"), [(16_000, False), (44_100, True), (48_000, True)])
def test_a_microphone_gives_16_khz_whatever_it_has(
    sound_card: Callable[..., FakeSoundDevice], rate: int, only_own: bool
) -> None:
    card = sound_card(rate, only_own)
    source = microphone("default")
    assert source is not None
    sounds = source.sounds()
    found = take(sounds, 9)
    for before, after in pairwise(found):
        assert after.time_s == pytest.approx(before.end_s)
    wave = np.concatenate([sound.waveform for sound in found])
    assert len(wave) == pytest.approx(9 * 800, abs=200)
    crossings = np.count_nonzero(np.diff(np.signbit(wave)))
    assert crossings / (2 * len(wave) / SAMPLE_RATE) == pytest.approx(200, abs=8)
    source.close()
    assert card.open == 1
    assert len(list(sounds)) <= 1
    assert card.open == 0


def test_a_microphone_that_went_away_says_so_and_is_released(
    sound_card: Callable[..., FakeSoundDevice],
) -> None:
    card = sound_card()
    source = DeviceMicrophone("USB")
    sounds = source.sounds()
    take(sounds, 10)
    with pytest.raises(SourceError, match="microphone USB: gives no sound any more"):
        next(sounds)
    assert card.open == 0
    card.missing = True
    with pytest.raises(SourceError, match="Device unavailable"):
        next(source.sounds())


def test_no_microphone_at_all_is_one_clear_line(
    sound_card: Callable[..., FakeSoundDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_card()
    with pytest.raises(SourceError, match="microphone nothing: cannot be opened") as caught:
        microphone("nothing")
    assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"emoscope\[live\]"):
        microphone("default")

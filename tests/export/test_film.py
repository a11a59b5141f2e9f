from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from emoscope.errors import MediaError
from emoscope.export import film
from emoscope.export.film import annotate_video
from emoscope.media import Frame, Sound, open_media
from emoscope.results import Analysis, FaceEmotion, VoiceEmotion


def frames_of(path: Path) -> list[Frame]:
    with open_media(path) as media:
        return [item for item in media.read() if isinstance(item, Frame)]


def sound_of(path: Path) -> np.ndarray:
    with open_media(path) as media:
        chunks = [item for item in media.read(1) if isinstance(item, Sound)]
    before = np.zeros(round(chunks[0].time_s * 16_000), dtype=np.float32)
    return np.concatenate([before, *(chunk.waveform for chunk in chunks)])


def lag_of(first: np.ndarray, second: np.ndarray) -> int:
    """Samples by which the second is late."""
    size = 1 << (len(first) + len(second)).bit_length()
    spectrum = np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size))
    peak = int(np.argmax(np.fft.irfft(spectrum)))
    return peak if peak < size // 2 else peak - size


@pytest.fixture
def chirp() -> np.ndarray:
    time_s = np.arange(48_000) / 16_000
    return (0.4 * np.sin(2 * np.pi * (200 + 300 * time_s) * time_s)).astype(np.float32)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_times_and_sound_are_kept(
    tmp_path: Path,
    codec: str,
    chirp: np.ndarray,
    make_video: Callable[..., Path],
    make_analysis: Callable[..., Analysis],
    make_voice: Callable[..., VoiceEmotion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(film.av, "codecs_available", {codec})
    source = make_video(tmp_path / "talk.mp4", 3.0, 25, sound=chirp)
    analysis = make_analysis(source, "video", (160, 120), 3.0, voice=[make_voice(1, 2)])
    out = tmp_path / "out.mp4"
    steps: list[float] = []
    annotate_video(source, analysis, out, lambda done, total: steps.append(done))
    with av.open(str(out)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name == ("h264" if codec == "libx264" else "mpeg4")
        assert (video.codec_context.pix_fmt, sound.codec_context.name) == ("yuv420p", "aac")
        assert float(video.duration * video.time_base) == pytest.approx(3.0, abs=0.001)
    before, after = frames_of(source), frames_of(out)
    assert [f.time_s for f in after] == pytest.approx([f.time_s for f in before], abs=1e-3)
    heard = sound_of(out)
    assert abs(lag_of(sound_of(source), heard)) <= 2
    assert len(heard) == pytest.approx(48_000, abs=2100)
    assert max(steps) == pytest.approx(3.0, abs=0.1)
    # Colours come back, above the strip.
    for a, b in zip(before[::20], after[::20], strict=True):
        apart = np.abs(a.image_rgb[:80].astype(int) - b.image_rgb[:80])
        assert apart.mean() < 5


def test_a_variable_frame_rate_is_kept(
    tmp_path: Path, make_video: Callable[..., Path], make_analysis: Callable[..., Analysis]
) -> None:
    times = [0.0, 0.033, 0.12, 0.5, 0.533, 1.4, 1.41, 2.0]
    source = make_video(tmp_path / "vfr.mkv", times_s=times)
    out = tmp_path / "out.mp4"
    annotate_video(source, make_analysis(source, "video", (160, 120), 2.0), out)
    before = [frame.time_s for frame in frames_of(source)]
    assert before == pytest.approx(times, abs=0.002)
    assert [frame.time_s for frame in frames_of(out)] == pytest.approx(before, abs=1e-3)


@pytest.mark.parametrize("kind", ["stereo", "opus"])
def test_other_sound_is_kept_in_time(
    tmp_path: Path,
    kind: str,
    chirp: np.ndarray,
    make_video: Callable[..., Path],
    make_analysis: Callable[..., Analysis],
) -> None:
    if kind == "stereo":
        waveform = np.stack([chirp, 0.5 * chirp], axis=1)
        source = make_video(tmp_path / "talk.mkv", 1.0, sound=waveform, rate=44_100)
    else:
        source = make_video(tmp_path / "talk.webm", 1.0, sound=chirp, rate=48_000, codec="libvpx")
    out = tmp_path / "out.mp4"
    annotate_video(source, make_analysis(source, "video", (160, 120), 1.0), out)
    with av.open(str(out)) as container:
        track = container.streams.audio[0]
        assert track.codec_context.layout.nb_channels == (2 if kind == "stereo" else 1)
        assert track.rate == (44_100 if kind == "stereo" else 48_000)
    assert abs(lag_of(sound_of(source), sound_of(out))) <= 4


def test_an_odd_size_becomes_even_and_nothing_moves(
    tmp_path: Path,
    make_analysis: Callable[..., Analysis],
    make_video: Callable[..., Path],
) -> None:
    source = make_video(tmp_path / "odd.avi", 0.5, size=(161, 121), codec="ffv1", pix_fmt="yuv444p")
    out = tmp_path / "out.mp4"
    annotate_video(source, make_analysis(source, "video", (161, 121), 0.5, has_sound=False), out)
    before, after = frames_of(source)[2].image_rgb, frames_of(out)[2].image_rgb
    assert before.shape == (121, 161, 3)
    assert after.shape == (122, 162, 3)
    assert np.abs(before.astype(int) - after[:121, :161]).mean() < 6
    with av.open(str(out)) as container:
        assert not container.streams.audio


def test_the_face_is_drawn_while_it_is_there(
    tmp_path: Path,
    make_video: Callable[..., Path],
    make_analysis: Callable[..., Analysis],
    make_face: Callable[..., FaceEmotion],
) -> None:
    source = make_video(tmp_path / "talk.mp4", 3.0, size=(320, 240))
    faces = [make_face((100, 80, 200, 180), "happy", time_s) for time_s in (1.0, 1.2, 1.4)]
    analysis = Analysis(str(source), "video", 3.0, (320, 240), False, 15, {}, tuple(faces))
    annotate_video(source, analysis, tmp_path / "out.mp4")
    for a, b in zip(frames_of(source), frames_of(tmp_path / "out.mp4"), strict=True):
        apart = np.abs(a.image_rgb.astype(int) - b.image_rgb)[60:100, 90:210].mean()
        assert (apart > 12) == (1.0 <= a.time_s <= 1.61), a.time_s


def test_an_encoder_that_breaks_leaves_nothing(
    tmp_path: Path,
    chirp: np.ndarray,
    make_video: Callable[..., Path],
    make_analysis: Callable[..., Analysis],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = make_video(tmp_path / "talk.mp4", 1.0, sound=chirp[:16_000])
    before = film._Marks.drawn

    def breaks(self: film._Marks, frame: Frame) -> np.ndarray:
        if frame.time_s > 0.5:
            raise av.error.ExternalError(-1, "no more")
        return before(self, frame)

    monkeypatch.setattr(film._Marks, "drawn", breaks)
    out = tmp_path / "out" / "talk.mp4"
    with pytest.raises(av.error.ExternalError):
        annotate_video(source, make_analysis(source, "video", (160, 120), 1.0), out)
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_is_an_os_error_and_leaves_nothing(
    tmp_path: Path,
    make_video: Callable[..., Path],
    make_analysis: Callable[..., Analysis],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = make_video(tmp_path / "talk.mp4", 1.0)

    def full(self: film._Film) -> None:
        with film._as_os_error():
            raise av.error.UnknownError(28, "No space left on device")

    monkeypatch.setattr(film._Film, "finish", full)
    out = tmp_path / "out" / "talk.mp4"
    with pytest.raises(OSError, match="No space") as caught:
        annotate_video(source, make_analysis(source, "video", (160, 120), 1.0), out)
    assert caught.value.errno == 28
    assert list(out.parent.iterdir()) == []


def test_a_source_that_is_gone_is_a_media_error(
    tmp_path: Path, make_analysis: Callable[..., Analysis]
) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(MediaError):
        annotate_video(tmp_path / "gone.mp4", make_analysis("gone.mp4", "video", (64, 48)), out)
    assert list(tmp_path.iterdir()) == []

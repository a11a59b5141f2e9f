from __future__ import annotations

import gc
import math
import tracemalloc
import weakref

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.errors import CorruptMediaError
from emoscope.media import SAMPLE_RATE, Frame, Sound, open_media
from emoscope.media.moving import FrameGrid

CODECS = [
    (".mp4", "mpeg4"),
    (".mp4", "libx264"),
    (".mp4", "libx265"),
    (".mov", "libx264"),
    (".mov", "mjpeg"),
    (".mkv", "libx264"),
    (".mkv", "ffv1"),
    (".webm", "libvpx"),
    (".webm", "libvpx-vp9"),
    (".webm", "libaom-av1"),
    (".avi", "mpeg4"),
    (".avi", "mjpeg"),
    (".wmv", "wmv2"),
    (".flv", "flv"),
    (".ts", "libx264"),
    (".mpg", "mpeg2video"),
]


def read(path, fps=None) -> tuple[list[Frame], list[Sound]]:
    with open_media(path) as media:
        items = list(media.read(fps))
    frames = [item for item in items if isinstance(item, Frame)]
    return frames, [item for item in items if isinstance(item, Sound)]


@pytest.mark.parametrize(("suffix", "codec"), CODECS)
def test_every_codec(suffix, codec, tmp_path, make_video, four_corners, corner_names):
    try:
        av.codec.Codec(codec, "w")
    except (ValueError, av.error.FFmpegError):
        pytest.skip(f"this PyAV cannot encode {codec}")
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = make_video(
        tmp_path / f"film{suffix}", 0.6, 25, images=four_corners, codec=codec, pix_fmt=pix_fmt
    )
    with open_media(path) as media:
        assert (media.kind, media.size_px, media.has_sound) == ("video", (96, 64), False)
        assert media.frame_rate == pytest.approx(25, rel=0.05)
    frames, sounds = read(path)
    assert len(frames) == 15
    assert not sounds
    times = [frame.time_s for frame in frames]
    np.testing.assert_allclose(times, np.arange(15) / 25, atol=0.0015)
    for frame in (frames[0], frames[-1]):
        assert frame.image_rgb.dtype == np.uint8
        assert frame.image_rgb.flags.c_contiguous
        assert corner_names(frame.image_rgb) == "RGBW"


def test_colours_are_right(tmp_path, make_video, four_corners):
    path = make_video(tmp_path / "a.mkv", 0.2, images=four_corners, codec="ffv1", pix_fmt="bgr0")
    frames, _ = read(path)
    np.testing.assert_array_equal(frames[0].image_rgb, four_corners)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_variable_frame_rate_keeps_its_times(suffix, tmp_path, make_video):
    times = [0.0, 0.04, 0.05, 0.3, 0.31, 0.9, 1.7, 1.701, 2.5]
    path = make_video(tmp_path / f"vfr{suffix}", times_s=times, codec="libx264")
    frames, _ = read(path)
    np.testing.assert_allclose([frame.time_s for frame in frames], times, atol=0.0011)


def test_times_begin_at_zero_whatever_the_file_says(tmp_path, make_video):
    times = [100.0, 100.5, 101.0]
    frames, _ = read(make_video(tmp_path / "late.mkv", times_s=times))
    np.testing.assert_allclose([frame.time_s for frame in frames], [0, 0.5, 1.0], atol=0.0011)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), "RGBW"),
        ((0, 1, -1, 0), "BRWG"),
        ((-1, 0, 0, -1), "WBGR"),
        ((0, -1, 1, 0), "GWRB"),
        ((-1, 0, 0, 1), "GRWB"),
        ((0, 1, 1, 0), "RBGW"),
    ],
)
def test_rotated_phone_video(
    matrix, shown, tmp_path, make_video, four_corners, corner_names, set_display_matrix
):
    path = make_video(tmp_path / "phone.mp4", 0.4, images=four_corners)
    set_display_matrix(path, matrix)
    with open_media(path) as media:
        size = media.size_px
    frames, _ = read(path)
    assert {corner_names(frame.image_rgb) for frame in frames} == {shown}
    assert size == frames[0].image_rgb.shape[1::-1]
    assert size == ((96, 64) if matrix[0] else (64, 96))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_agrees_with_libav(degrees, tmp_path, make_video, four_corners):
    """libav's own angle, turned by NumPy, against ours."""
    path = make_video(tmp_path / "phone.mp4", 0.2, images=four_corners)
    turn = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    for index, value in zip((0, 1, 3, 4), turn, strict=True):
        data[at + 4 * index : at + 4 * index + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(bytes(data))
    frames, _ = read(path)
    with av.open(str(path)) as container:
        raw = next(container.decode(video=0))
        theirs = np.rot90(raw.to_ndarray(format="rgb24"), round(raw.rotation / 90))
    assert round(raw.rotation) % 360 == (360 - degrees) % 360
    np.testing.assert_array_equal(frames[0].image_rgb, theirs)


def test_sound_and_pictures_together(tmp_path, make_video, tone):
    path = make_video(tmp_path / "talk.mp4", 3, 10, sound=tone(3, 44_100), rate=44_100)
    with open_media(path) as media:
        assert (media.kind, media.has_sound) == ("video", True)
        assert media.duration_s == pytest.approx(3, abs=0.05)
        items = list(media.read())
    frames = [item for item in items if isinstance(item, Frame)]
    sounds = [item for item in items if isinstance(item, Sound)]
    assert len(frames) == 30
    assert sum(len(s.waveform) for s in sounds) / SAMPLE_RATE == pytest.approx(3, abs=0.05)
    for kind in (frames, sounds):
        times = [item.time_s for item in kind]
        assert times == sorted(times)
    # Interleaved as in the file: neither runs far ahead of the other.
    heard = seen = 0.0
    for item in items:
        if isinstance(item, Sound):
            heard = item.end_s
        else:
            seen = item.time_s
        assert abs(heard - seen) < 1.7


def test_sound_stays_with_the_picture(tmp_path, make_video):
    """A clap: the white frame and the burst are at the same time."""
    images = [np.full((64, 96, 3), 255 if index == 20 else 0, np.uint8) for index in range(40)]
    sound = np.zeros(4 * 48_000, dtype=np.float32)
    sound[2 * 48_000 : 2 * 48_000 + 2400] = 0.8
    for suffix, codec in ((".mp4", "mpeg4"), (".mkv", "libx264"), (".webm", "libvpx")):
        path = make_video(
            tmp_path / f"clap{suffix}", 4, 10, images=images, sound=sound, rate=48_000, codec=codec
        )
        frames, sounds = read(path)
        seen = next(frame.time_s for frame in frames if frame.image_rgb.mean() > 128)
        waveform = np.concatenate([s.waveform for s in sounds])
        heard = sounds[0].time_s + np.flatnonzero(np.abs(waveform) > 0.4)[0] / SAMPLE_RATE
        assert seen == pytest.approx(2.0, abs=0.03)
        assert heard == pytest.approx(2.0, abs=0.03)


def test_fps_takes_the_first_frame_at_or_after_each_due_time(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", 2, 30)
    frames, _ = read(path, fps=4)
    expected = [math.ceil(step / 4 * 30 - 1e-9) / 30 for step in range(8)]
    np.testing.assert_allclose([frame.time_s for frame in frames], expected, atol=0.001)
    everything, _ = read(path, fps=1000)
    assert len(everything) == 60


def test_fps_skips_before_converting(tmp_path, make_video, monkeypatch):
    from emoscope.media import moving

    converted = []
    convert = moving.RgbConverter.convert
    monkeypatch.setattr(
        moving.RgbConverter, "convert", lambda self, f: converted.append(1) or convert(self, f)
    )
    frames, _ = read(make_video(tmp_path / "a.mp4", 2, 30), fps=2)
    assert len(frames) == len(converted) == 4


@pytest.mark.parametrize("fps", [0, -1, math.nan, math.inf])
def test_fps_must_be_positive(fps, tmp_path, make_video):
    with (
        open_media(make_video(tmp_path / "a.mp4", 0.2)) as media,
        pytest.raises(ValueError, match="fps > 0"),
    ):
        list(media.read(fps))


@given(
    times=st.lists(st.floats(0, 60), min_size=1, max_size=80).map(sorted),
    fps=st.floats(0.2, 60),
)
def test_grid_takes_at_most_one_frame_per_slot_and_always_the_first(times, fps):
    grid = FrameGrid(fps)
    taken = [time for time in times if grid.takes(time)]
    assert taken[0] == times[0]
    slots = [math.floor((time - times[0] + 0.001) * fps) for time in taken]
    assert slots == sorted(set(slots))
    every = {math.floor((time - times[0] + 0.001) * fps) for time in times}
    assert set(slots) == every


def test_decoding_is_deterministic(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", 1, 30, codec="libx264")
    first, second = read(path)[0], read(path)[0]
    assert [f.time_s for f in first] == [f.time_s for f in second]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image_rgb, other.image_rgb)


def test_a_film_that_was_closed_leaves_no_picture_behind(tmp_path, make_video, four_corners):
    path = make_video(tmp_path / "short.mp4", 0.4, images=four_corners)
    gc.collect()
    gc.disable()  # whatever is left would otherwise go sooner or later
    try:
        read(path)
        left = [one for one in gc.get_objects() if type(one) is av.VideoFrame]
    finally:
        gc.enable()
    assert left == []


def test_memory_does_not_grow_with_length(tmp_path, make_video, tone):
    def peak(seconds: int) -> int:
        path = make_video(
            tmp_path / f"long{seconds}.mp4", seconds, 10, sound=tone(seconds), size=(64, 48)
        )
        alive: set[int] = set()
        most = 0
        gc.collect()
        tracemalloc.start()
        with open_media(path) as media:
            for item in media.read():
                key = id(item)
                alive.add(key)
                weakref.finalize(item, alive.discard, key)
                most = max(most, len(alive))
        peaked = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most <= 3
        return peaked

    short, long = peak(4), peak(32)
    assert long < short * 1.5 + 300_000


def test_truncated_video_says_where_it_breaks_off(tmp_path, make_video):
    path = make_video(tmp_path / "a.mkv", 10, 10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    seen = []
    with open_media(path) as media, pytest.raises(CorruptMediaError) as caught:
        seen.extend(item.time_s for item in media.read())
    assert 3 < seen[-1] < 7
    assert f"breaks off at {seen[-1] + 0.1:.1f} s of 10.0 s" in str(caught.value)


def test_mp4_cut_in_its_data_says_where(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", 10, 10)
    moved = tmp_path / "b.mp4"
    with (
        av.open(str(path)) as source,
        av.open(str(moved), "w", options={"movflags": "faststart"}) as target,
    ):
        track = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = track
                target.mux(packet)
    data = moved.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    moved.write_bytes(data[: len(data) * 2 // 3])
    with open_media(moved) as media, pytest.raises(CorruptMediaError, match=r"at [4-8]\.\d s of"):
        list(media.read())


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_still_end_is_no_truncation(suffix, tmp_path, make_video, tone):
    """A screen recording where nothing moves any more: the sound or the header goes on."""
    path = tmp_path / f"still{suffix}"
    times = [0.0, 0.1, 0.2, 0.3, 9.0]
    if suffix == ".avi":
        make_video(path, 0.5, sound=tone(0.2))
    else:
        make_video(path, times_s=times)
    frames, _ = read(path)
    assert len(frames) == 5


def test_mp4_without_its_index_is_corrupt(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", 2)
    data = path.read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptMediaError, match="cannot be opened"):
        open_media(path)


def test_real_videos(shared_dir):
    with open_media(shared_dir / "media" / "smile.mp4") as media:
        assert (media.kind, media.size_px, media.has_sound) == ("video", (596, 336), False)
        assert media.frame_rate == pytest.approx(29.97)
        frames = [item.time_s for item in media.read(2) if isinstance(item, Frame)]
    assert len(frames) == 31
    assert np.diff(frames).max() < 0.55
    frames, _ = read(shared_dir / "media" / "phone.mp4")
    with av.open(str(shared_dir / "media" / "phone.mp4")) as container:
        theirs = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose([frame.time_s for frame in frames], theirs, atol=1e-6)

from __future__ import annotations

import itertools
import wave

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from emoscope.errors import CorruptMediaError
from emoscope.media import SAMPLE_RATE, Sound, open_media
from emoscope.media.sound import CHUNK_SAMPLES, SoundChunks

# suffix, codec, rate, how much of the level and the length a lossy codec may change
CODECS = [
    (".wav", "pcm_s16le", 8_000, 0.01),
    (".wav", "pcm_u8", 11_025, 0.02),
    (".wav", "pcm_s24le", 96_000, 0.01),
    (".wav", "pcm_f32le", 22_050, 0.01),
    (".flac", "flac", 44_100, 0.01),
    (".mp3", "libmp3lame", 44_100, 0.05),
    (".m4a", "aac", 44_100, 0.08),
    (".m4a", "alac", 44_100, 0.01),
    (".aac", "aac", 48_000, 0.08),
    (".ogg", "libvorbis", 44_100, 0.05),
    (".opus", "libopus", 48_000, 0.05),
    (".mka", "flac", 32_000, 0.01),
    (".webm", "libopus", 48_000, 0.05),
    (".aiff", "pcm_s16be", 16_000, 0.01),
    (".au", "pcm_s16be", 16_000, 0.01),
    (".caf", "pcm_s16le", 44_100, 0.01),
    (".mp4", "aac", 16_000, 0.08),
    (".avi", "pcm_s16le", 16_000, 0.01),
    (".mkv", "ac3", 48_000, 0.05),
    (".wma", "wmav2", 44_100, 0.05),
    (".ts", "aac", 48_000, 0.08),
]


def read_all(path) -> tuple[np.ndarray, list[Sound]]:
    with open_media(path) as media:
        assert media.kind == "audio"
        assert media.size_px is None
        assert media.frame_rate is None
        assert media.has_sound
        sounds = list(media.read())
    assert all(isinstance(sound, Sound) for sound in sounds)
    return np.concatenate([sound.waveform for sound in sounds]), sounds


def spectrum_peak_hz(waveform: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(power) * SAMPLE_RATE / len(waveform))


@pytest.mark.parametrize(("suffix", "codec", "rate", "tolerance"), CODECS)
def test_every_codec_keeps_pitch_level_and_length(
    suffix, codec, rate, tolerance, tmp_path, make_audio, tone
):
    try:
        av.codec.Codec(codec, "w")
    except (ValueError, av.error.FFmpegError):
        pytest.skip(f"this PyAV cannot encode {codec}")
    path = make_audio(tmp_path / f"tone{suffix}", tone(1.7, rate, hz=1000), rate, codec)
    waveform, _ = read_all(path)
    assert waveform.dtype == np.float32
    # Frames of a codec without a stated end are padded; others are exact to a few milliseconds.
    padded = 0.06 if suffix in (".aac", ".m4a", ".ts", ".mkv", ".wma", ".avi", ".mp4") else 0.003
    assert len(waveform) / SAMPLE_RATE == pytest.approx(1.7, abs=padded)
    middle = waveform[SAMPLE_RATE // 4 : SAMPLE_RATE // 4 + SAMPLE_RATE]
    assert spectrum_peak_hz(middle) == pytest.approx(1000, abs=1.5)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=tolerance)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_agrees_with_scipy(rate, tmp_path, make_wav):
    time_s = np.arange(rate * 2) / rate
    parts = [(200, 0.2), (700, 0.2), (1900, 0.15), (3300, 0.1)]
    signal = sum(level * np.sin(2 * np.pi * hz * time_s + hz) for hz, level in parts)
    waveform, _ = read_all(make_wav(tmp_path / "a.wav", signal, rate))
    common = np.gcd(rate, SAMPLE_RATE)
    theirs = resample_poly(signal, SAMPLE_RATE // common, rate // common)
    assert len(waveform) == pytest.approx(len(theirs), abs=2)
    inner = slice(SAMPLE_RATE // 10, SAMPLE_RATE * 2 - SAMPLE_RATE // 10)
    difference = waveform[inner] - theirs[inner]
    error_db = 20 * np.log10(np.std(difference) / np.std(theirs[inner]))
    # A shift by a single sample would be -4 dB; the filters differ by less than a hundredth.
    assert error_db < -40


def test_high_tones_do_not_alias(tmp_path, make_wav, tone):
    waveform, _ = read_all(make_wav(tmp_path / "a.wav", tone(1, 48_000, hz=11_000), 48_000))
    assert np.sqrt(np.mean(waveform[1000:-1000] ** 2)) < 0.005


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 8, 12])
def test_full_scale_on_all_channels_stays_full_scale(channels, tmp_path, make_wav):
    samples = np.full((SAMPLE_RATE, channels), 0.9)
    waveform, _ = read_all(make_wav(tmp_path / "a.wav", samples))
    np.testing.assert_allclose(waveform, 0.9, atol=1e-3)


def test_both_sides_of_stereo_count_alike(tmp_path, make_wav, tone):
    left, right = tone(1, hz=500), tone(1, hz=2500)
    both = np.stack([left, right], axis=1)
    waveform, _ = read_all(make_wav(tmp_path / "a.wav", both))
    np.testing.assert_allclose(waveform, (left + right) / 2, atol=1e-3)


def test_chunks_are_even_contiguous_and_complete(tmp_path, make_wav, tone):
    waveform, sounds = read_all(make_wav(tmp_path / "a.wav", tone(3.33, 44_100), 44_100))
    assert [len(sound.waveform) for sound in sounds[:-1]] == [CHUNK_SAMPLES] * (len(sounds) - 1)
    assert 0 < len(sounds[-1].waveform) <= CHUNK_SAMPLES
    for before, after in itertools.pairwise(sounds):
        assert after.time_s == pytest.approx(before.end_s, abs=1e-9)
    assert sounds[0].time_s == 0.0
    assert len(waveform) == pytest.approx(3.33 * SAMPLE_RATE, abs=16)
    assert all(sound.waveform.flags.c_contiguous for sound in sounds)


def test_loud_sound_stays_within_one(tmp_path, make_wav):
    square = np.sign(np.sin(np.arange(44_100) * 0.05))
    waveform, _ = read_all(make_wav(tmp_path / "a.wav", square, 44_100))
    assert np.abs(waveform).max() <= 1.0


def test_reading_twice_gives_the_same(tmp_path, make_wav, tone):
    path = make_wav(tmp_path / "a.wav", tone(1, 22_050), 22_050)
    with open_media(path) as media:
        first = [sound.waveform for sound in media.read()]
        second = [sound.waveform for sound in media.read()]
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))


def test_closed_medium_says_so(tmp_path, make_wav, tone):
    with open_media(make_wav(tmp_path / "a.wav", tone(0.1))) as media:
        pass
    with pytest.raises(ValueError, match="closed"):
        media.read()


def test_a_late_start_is_time_zero(tmp_path, make_audio, tone):
    path = make_audio(tmp_path / "a.mka", tone(1), 16_000, "flac", start=16_000 * 90)
    waveform, sounds = read_all(path)
    assert sounds[0].time_s == 0.0
    assert len(waveform) == pytest.approx(SAMPLE_RATE, abs=16)


def test_a_hole_becomes_silence(tmp_path, make_audio):
    level = np.full(16_000 * 2, 0.5, dtype=np.float32)
    holes = tuple(range(8, 16))
    path = make_audio(tmp_path / "a.mka", level, 16_000, "pcm_s16le", holes=holes)
    waveform, _ = read_all(path)
    assert len(waveform) == pytest.approx(2 * SAMPLE_RATE, abs=32)
    silent = np.flatnonzero(waveform == 0)
    assert len(silent) == pytest.approx(8 * 1024, abs=32)
    assert silent[0] == pytest.approx(8 * 1024, abs=32)


def test_cover_art_is_no_video(tmp_path, make_audio, tone):
    import cv2

    ok, picture = cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))
    assert ok
    mp3 = make_audio(tmp_path / "plain.mp3", tone(1, 44_100), 44_100, "libmp3lame").read_bytes()
    body = b"\0image/png\0\x03\0" + picture.tobytes()
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = len(frame)
    synchsafe = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    if mp3.startswith(b"ID3"):
        old = int.from_bytes(mp3[6:10], "big")
        mp3 = mp3[10 + old :]
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3\x03\0\0" + synchsafe + frame + mp3)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1, "the cover is not where it should be"
    waveform, _ = read_all(path)
    assert len(waveform) == pytest.approx(SAMPLE_RATE, abs=1200)


def test_wav_of_unknown_length_is_read(tmp_path, make_wav, tone):
    # Programs that write to a pipe cannot go back to fill in the sizes.
    path = make_wav(tmp_path / "a.wav", tone(1))
    data = bytearray(path.read_bytes())
    for at in (4, data.index(b"data") + 4):
        data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    waveform, _ = read_all(path)
    assert len(waveform) == SAMPLE_RATE


def test_truncated_recordings_say_where(tmp_path, make_wav, make_audio, tone):
    wav = make_wav(tmp_path / "a.wav", tone(10))
    coded = [
        make_audio(tmp_path / f"a{suffix}", tone(10), 16_000, codec)
        for suffix, codec in ((".flac", "flac"), (".mka", "aac"), (".mp3", "libmp3lame"))
    ]
    for path in (wav, *coded):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with open_media(path) as media, pytest.raises(CorruptMediaError, match=r"[456]\.\d s"):
            list(media.read())


def test_recording_without_samples_is_corrupt(tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    with pytest.raises(CorruptMediaError), open_media(path) as media:
        list(media.read())


@given(
    pieces=st.lists(st.integers(1, 3000), min_size=1, max_size=8),
    rate=st.sampled_from([8_000, 16_000, 44_100, 48_000]),
    start_s=st.floats(-0.2, 5),
)
@settings(max_examples=40, deadline=None)
def test_cutting_the_input_differently_changes_nothing(pieces, rate, start_s):
    rng = np.random.default_rng(sum(pieces))
    samples = rng.uniform(-0.5, 0.5, sum(pieces)).astype(np.float32)

    def chunks(lengths: list[int]) -> list[Sound]:
        made, sounds, at = SoundChunks(), [], 0
        for length in lengths:
            frame = AudioFrame.from_ndarray(
                samples[None, at : at + length].copy(), format="flt", layout="mono"
            )
            frame.sample_rate = rate
            sounds += made.push(frame, start_s + at / rate)
            at += length
        return sounds + list(made.flush())

    cut, whole = chunks(pieces), chunks([sum(pieces)])
    joined = [np.concatenate([s.waveform for s in x]) if x else np.zeros(0) for x in (cut, whole)]
    np.testing.assert_allclose(joined[0], joined[1], atol=1e-6)
    kept_s = len(samples) / rate - max(-start_s, 0)
    assert len(joined[0]) == pytest.approx(max(kept_s, 0) * SAMPLE_RATE, abs=40)
    if cut:
        assert cut[0].time_s == pytest.approx(max(start_s, 0.0))


def test_a_change_of_rate_and_layout_midway_is_followed():
    made, sounds = SoundChunks(), []
    for index, (rate, layout, channels) in enumerate(
        [(16_000, "mono", 1), (48_000, "stereo", 2), (8_000, "mono", 1)]
    ):
        samples = np.full((1, rate * channels), 0.25, dtype=np.float32)
        frame = AudioFrame.from_ndarray(samples, format="flt", layout=layout)
        frame.sample_rate = rate
        sounds += made.push(frame, float(index))
    sounds += made.flush()
    waveform = np.concatenate([sound.waveform for sound in sounds])
    assert len(waveform) == pytest.approx(3 * SAMPLE_RATE, abs=8)
    assert np.median(waveform) == pytest.approx(0.25, abs=1e-3)


def test_absurd_sample_rate_is_refused(tmp_path, make_wav, tone):
    path = make_wav(tmp_path / "a.wav", tone(0.1), rate=10)
    with pytest.raises(CorruptMediaError), open_media(path) as media:
        list(media.read())


def test_real_recording_against_libsndfile(shared_dir):
    soundfile = pytest.importorskip("soundfile", reason="needs soundfile to compare with")
    path = shared_dir / "media" / "speech.flac"
    waveform, _ = read_all(path)
    theirs, rate = soundfile.read(path, always_2d=True)
    common = np.gcd(rate, SAMPLE_RATE)
    theirs = resample_poly(theirs.mean(axis=1), SAMPLE_RATE // common, rate // common)
    assert len(waveform) == pytest.approx(len(theirs), abs=2)
    count = min(len(waveform), len(theirs))
    assert np.corrcoef(waveform[:count], theirs[:count])[0, 1] > 0.999

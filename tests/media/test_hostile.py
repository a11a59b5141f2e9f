"""Inputs that are wrong, and inputs that mean harm."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from emoscope.errors import (
    CorruptMediaError,
    MediaLimitError,
    MediaNotFoundError,
    UnsupportedMediaError,
)
from emoscope.media import Limits, Sound, open_media
from emoscope.media.container import open_stream


def read_all(path, limits=None):
    with open_media(path, limits or Limits()) as media:
        return list(media.read())


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a.mp4",
        "https://example.com/a.jpg",
        "HTTPS://EXAMPLE.COM/A.JPG",
        "rtsp://camera/stream",
        "ftp://example.com/a.wav",
        "data:image/png;base64,AAAA",
        "concat:a.ts|b.ts",
        "pipe:0",
        "subfile,,start,0,end,9,,:a.mp4",
        "rtmp://example.com/live",
    ],
)
def test_addresses_are_refused(address):
    with pytest.raises(UnsupportedMediaError, match="download or record it first") as caught:
        open_media(address)
    assert caught.value.source == address


def test_file_address_says_to_give_the_path(tmp_path):
    with pytest.raises(UnsupportedMediaError, match="without 'file:'"):
        open_media(f"file://{tmp_path}/a.mp4")
    # A Path swallows one of the slashes.
    with pytest.raises(UnsupportedMediaError, match="an address"):
        open_media(Path("http://example.com/a.mp4"))


@pytest.mark.skipif(os.name == "nt", reason="no such names on Windows")
def test_a_colon_in_the_name_of_a_file_is_no_scheme(tmp_path, monkeypatch, make_wav, tone):
    make_wav(tmp_path / "talk: part one.wav", tone(0.2))
    monkeypatch.chdir(tmp_path)
    assert read_all("talk: part one.wav")


PLAYLISTS = {
    "list.m3u8": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\n/etc/passwd\n",
    "list.m3u": b"/music/one.mp3\n/music/two.mp3\n",
    "list.ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "list.mpd": b"<?xml version='1.0'?>\n<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
    "list.sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 5004 RTP/AVP 96\r\n",
    "list.asx": b"<asx version='3.0'><entry><ref href='http://example.com/a'/></entry></asx>",
    "list.pls": b"[playlist]\nFile1=http://example.com/a.mp3\n",
    "list.xspf": b"<?xml version='1.0'?><playlist version='1'></playlist>",
    "list.wax": b"[Reference]\nRef1=http://example.com/a\n",
}


@pytest.mark.parametrize("disguise", ["", ".mp4", ".txt"])
@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_are_never_opened_by_libav(name, disguise, tmp_path, monkeypatch):
    if name == "list.m3u" and disguise:
        pytest.skip("a bare list of names is told by its own name only")
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("libav was asked"))
    path = tmp_path / (name + disguise)
    path.write_bytes(PLAYLISTS[name])
    with pytest.raises(UnsupportedMediaError, match="playlist"):
        open_media(path)


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_libav_cannot_open_a_second_file(demuxer, tmp_path, make_video):
    """The last bar: were a playlist to get through, nothing in it could be opened."""
    inner = make_video(tmp_path / "inner.ts", 0.5)
    text = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:0.5,\n{inner}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{inner}'\n",
    }[demuxer]
    path = tmp_path / "outer.m3u8"
    path.write_text(text)
    unsafe = {"safe": "0"} if demuxer == "concat" else {}
    with av.open(str(path), format=demuxer, container_options=unsafe) as container:
        assert list(container.decode(video=0)), "the trap does not work"

    def sealed() -> None:
        with path.open("rb") as file, open_stream(file, demuxer) as container:
            list(container.decode(video=0))

    with pytest.raises((OSError, ValueError, IndexError, av.error.FFmpegError)):
        sealed()


def test_external_tracks_of_a_movie_are_not_followed(tmp_path, make_video):
    """A QuickTime alias (``alis`` in ``dref``) that names another file."""
    inner = make_video(tmp_path / "inner.mov", 0.5, codec="mjpeg", pix_fmt="yuvj420p")
    data = inner.read_bytes()
    at = data.index(b"dref") + 12
    size = struct.unpack(">I", data[at : at + 4])[0]
    place = str(inner).encode()
    place += bytes(len(place) % 2)
    record = bytes(10) + bytes(1 + 27 + 12 + 1 + 63 + 16 + 2 + 2 + 16)
    record += struct.pack(">HH", 2, len(place)) + place + struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I", 12 + len(record)) + b"alis\0\0\0\0" + record
    outer = bytearray(data[:at] + entry + data[at + size :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = bytes(outer).index(box) - 4
        grown = struct.unpack(">I", outer[start : start + 4])[0] + len(entry) - size
        outer[start : start + 4] = struct.pack(">I", grown)
    coded = bytes(outer).index(b"mdat") + 4
    outer[coded : bytes(outer).index(b"moov") - 4] = bytes(bytes(outer).index(b"moov") - 4 - coded)
    path = tmp_path / "outer.mov"
    path.write_bytes(bytes(outer))
    trap = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(path), container_options=trap) as container:
        assert len(list(container.decode(video=0))) == 5, "the trap does not work"
    with pytest.raises(CorruptMediaError):
        read_all(path)


def test_directory(tmp_path):
    with pytest.raises(UnsupportedMediaError, match="a directory; give the files in it"):
        open_media(tmp_path)


@pytest.mark.parametrize("name", ["missing.jpg", "missing.jpg/inner.jpg", "nul\0byte.jpg"])
def test_missing_file(name, tmp_path):
    with pytest.raises(MediaNotFoundError, match="no such file; check the path"):
        open_media(str(tmp_path / name))


def test_empty_file(tmp_path):
    path = tmp_path / "a.mp4"
    path.touch()
    with pytest.raises(CorruptMediaError, match="empty"):
        open_media(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe_does_not_hang(tmp_path):
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    with pytest.raises(UnsupportedMediaError, match="not a plain file"):
        open_media(path)


def test_permission_denied(tmp_path, make_wav, tone, monkeypatch):
    path = make_wav(tmp_path / "a.wav", tone(0.1))
    if os.access(path, os.R_OK) and getattr(os, "geteuid", lambda: 1)() == 0:
        # The superuser may read everything: let the system call say no.
        def denied(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", denied)
    else:
        path.chmod(0)
    with pytest.raises(UnsupportedMediaError, match="permission denied"):
        open_media(path)


@pytest.mark.parametrize("suffix", [".jpg", ".mp4", ".wav"])
def test_text_under_the_name_of_a_medium(suffix, tmp_path):
    path = tmp_path / f"letter{suffix}"
    path.write_text("Dear all,\nthis is no medium.\n" * 50)
    with pytest.raises(CorruptMediaError, match=f"named {suffix} but holds text"):
        open_media(path)


def test_other_files_are_unsupported(tmp_path):
    for name, data in (("a.txt", b"hello"), ("a.zip", b"PK\3\4\0\0\0\0"), ("a", bytes(900))):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UnsupportedMediaError, match="give a picture"):
            open_media(path)


@pytest.mark.parametrize("name", ["talk: part two.wav", "12:30.mp4", "C:\\missing.mp4"])
def test_a_missing_file_with_a_colon_is_just_missing(name):
    with pytest.raises(MediaNotFoundError):
        open_media(name)


def test_heic_is_named(tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(64))
    with pytest.raises(UnsupportedMediaError, match="HEIC"):
        open_media(path)


def test_content_is_believed_not_the_name(tmp_path, make_wav, tone):
    ok, data = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))
    assert ok
    path = tmp_path / "picture.mp4"
    path.write_bytes(data.tobytes())
    with open_media(path) as media:
        assert (media.kind, media.size_px) == ("image", (30, 20))
    sound = make_wav(tmp_path / "sound.jpg", tone(0.3))
    assert all(isinstance(item, Sound) for item in read_all(sound))


def test_byte_limit(tmp_path, make_wav, tone):
    path = make_wav(tmp_path / "a.wav", tone(1))
    with pytest.raises(MediaLimitError, match="raise the size limit"):
        open_media(path, Limits(max_bytes=1000))


def test_declared_duration_limit(tmp_path, make_wav, tone):
    path = make_wav(tmp_path / "a.wav", tone(3))
    with pytest.raises(MediaLimitError, match="raise the duration limit"):
        open_media(path, Limits(max_duration_s=2.9))
    assert read_all(path, Limits(max_duration_s=3.0))


def test_a_stream_that_lies_about_its_duration(tmp_path, make_video, tone):
    # Matroska without a duration, as a browser's recorder writes it.
    path = make_video(tmp_path / "a.mkv", 4, sound=tone(4))
    data = bytearray(path.read_bytes())
    at = bytes(data).index(b"\x44\x89\x88")
    data[at : at + 11] = b"\xec\x89" + bytes(9)
    path.write_bytes(bytes(data))
    limits = Limits(max_duration_s=2)
    with open_media(path, limits) as media:
        assert media.duration_s is None
        with pytest.raises(MediaLimitError, match="raise the duration limit"):
            list(media.read())
    assert read_all(path)


def test_a_hole_of_hours_does_not_fill_the_memory(tmp_path, make_video):
    path = make_video(tmp_path / "a.mkv", times_s=[0.0, 0.1, 30_000.0])
    with pytest.raises(MediaLimitError):
        read_all(path)


def test_frame_pixel_limit(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", 0.2)
    with pytest.raises(MediaLimitError, match="160 x 120"):
        open_media(path, Limits(max_pixels=160 * 120 - 1))
    assert read_all(path, Limits(max_pixels=160 * 120))


@pytest.mark.parametrize("field", ["max_pixels", "max_duration_s", "max_bytes"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_must_be_positive(field, value):
    with pytest.raises(ValueError, match=field):
        Limits(**{field: value})


def test_nothing_is_printed(tmp_path, make_video):
    """In a fresh process: decoders written in C go around ``sys.stderr``."""
    _, jpeg = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3)))
    __, png = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (64, 64, 3)))
    spoilt = bytearray(jpeg.tobytes())
    spoilt[700:760] = bytes(range(60))
    broken = bytearray(png.tobytes())
    broken[200:220] = bytes(20)
    video = bytearray(make_video(tmp_path / "v.mp4", 1, codec="libx264").read_bytes())
    video[600:800] = bytes(200)
    for name, data in (
        ("a.jpg", spoilt),
        ("a.png", broken),
        ("b.png", png.tobytes()[:300]),
        ("v.mp4", video),
    ):
        (tmp_path / name).write_bytes(bytes(data))
    code = """
import sys
from pathlib import Path
from emoscope.errors import MediaError
from emoscope.media import open_media
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        list(open_media(path).read())
    except MediaError:
        pass
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    bare = subprocess.run(
        [
            sys.executable,
            "-c",
            "import cv2, sys, numpy as np, pathlib;"
            "cv2.imdecode(np.fromfile(sys.argv[1] + '/a.jpg', np.uint8), 1);"
            "cv2.imdecode(np.fromfile(sys.argv[1] + '/b.png', np.uint8), 1)",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert bare.stderr, "OpenCV alone is silent here: this test shows nothing"


def test_what_others_print_meanwhile_is_kept(capfd):
    from emoscope.media.quiet import quiet_decoders

    with quiet_decoders():
        os.write(2, b"Corrupt JPEG data: premature end of data segment\nprogress 50%\n")
    assert capfd.readouterr().err == "progress 50%\n"

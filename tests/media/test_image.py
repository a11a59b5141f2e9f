from __future__ import annotations

import os
import struct

import cv2
import numpy as np
import pytest

from emoscope.errors import CorruptMediaError, MediaLimitError, UnsupportedMediaError
from emoscope.media import Frame, Limits, open_data, open_media, quiet
from emoscope.media.image import decode_image

SHOWN = {1: "RGBW", 2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "BRWG", 7: "WGBR", 8: "GWRB"}
FORMATS = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif")


def encode(suffix: str, rgb: np.ndarray, *options: int) -> bytes:
    order = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    code = order[rgb.shape[2]] if rgb.ndim == 3 else None
    pixels = rgb if code is None else cv2.cvtColor(rgb, code)
    ok, data = cv2.imencode(suffix, pixels, list(options))
    assert ok
    return data.tobytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_format_gives_the_same_picture(suffix, tmp_path, four_corners, corner_names):
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(encode(suffix, four_corners))
    with open_media(path) as media:
        assert (media.kind, media.size_px, media.has_sound) == ("image", (96, 64), False)
        assert media.duration_s == 0.0
        assert media.frame_rate is None
        frames = list(media.read(fps=5))
    assert [type(frame) for frame in frames] == [Frame]
    assert frames[0].time_s == 0.0
    image = frames[0].image_rgb
    assert image.shape == (64, 96, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert corner_names(image) == "RGBW"
    if suffix in (".png", ".bmp", ".tiff"):
        np.testing.assert_array_equal(image, four_corners)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_orientation_is_honoured(
    orientation, suffix, order, tmp_path, four_corners, corner_names, with_exif
):
    path = tmp_path / f"turned{suffix}"
    path.write_bytes(with_exif(encode(suffix, four_corners), orientation, order))
    with open_media(path) as media:
        size = media.size_px
        image = next(media.read()).image_rgb
    assert corner_names(image) == SHOWN[orientation]
    assert size == (image.shape[1], image.shape[0])
    assert size == ((96, 64) if orientation <= 4 else (64, 96))
    assert image.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_agrees_with_opencv_own_reading(orientation, four_corners, with_exif):
    data = with_exif(encode(".jpg", four_corners), orientation, "<")
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(decode_image(data, "turned.jpg"), theirs)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_orientation_tag(orientation, order, four_corners, corner_names):
    image = decode_image(tiff(four_corners, orientation, order), "turned.tif")
    assert corner_names(image) == SHOWN[orientation]


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_of_a_sixteen_bit_tiff(orientation, order, four_corners, corner_names):
    wide = four_corners.astype(np.uint16) * 257
    image = decode_image(tiff(wide, orientation, order), "turned.tif")
    assert corner_names(image) == SHOWN[orientation]


def tiff(rgb: np.ndarray, orientation: int, order: str) -> bytes:
    """Uncompressed baseline TIFF written by hand: OpenCV cannot write the orientation."""
    height, width = rgb.shape[:2]
    bits = rgb.dtype.itemsize * 8
    pixels = rgb.astype(rgb.dtype.newbyteorder(order)).tobytes()
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 8 + len(pixels)),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (274, 3, 1, orientation),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        packed = "H2x" if kind == 3 and count == 1 else "I"
        directory += struct.pack(order + "HHI" + packed, tag, kind, count, value)
    directory += struct.pack(order + "I", 0)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 14 + len(pixels))
    return head + pixels + struct.pack(order + "HHH", bits, bits, bits) + directory


def test_sixteen_bits_become_eight():
    wide = np.linspace(0, 65535, 64 * 48 * 3).astype(np.uint16).reshape(48, 64, 3)
    for suffix in (".png", ".tiff"):
        ok, data = cv2.imencode(suffix, wide[:, :, ::-1])
        assert ok
        image = decode_image(data.tobytes(), "wide")
        assert image.dtype == np.uint8
        assert np.abs(image.astype(float) - wide / 257.0).max() <= 0.51


def test_grey_becomes_three_equal_channels():
    grey = np.arange(48 * 64, dtype=np.uint32).reshape(48, 64).astype(np.uint8)
    for suffix in (".png", ".bmp", ".tiff", ".jpg"):
        image = decode_image(encode(suffix, grey), "grey")
        assert image.shape == (48, 64, 3)
        assert (image[:, :, 0] == image[:, :, 1]).all()
        assert (image[:, :, 0] == image[:, :, 2]).all()


def test_floating_point_tiff():
    ramp = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    image = decode_image(encode(".tiff", ramp), "ramp.tiff")
    assert np.abs(image[:, :, 1] - ramp * 255).max() <= 0.51


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_transparency_is_laid_over_white(suffix):
    rgba = np.zeros((40, 60, 4), dtype=np.uint8)
    rgba[:, :20] = (200, 100, 0, 255)
    rgba[:, 20:40] = (200, 100, 0, 128)
    options = (cv2.IMWRITE_WEBP_QUALITY, 101) if suffix == ".webp" else ()
    image = decode_image(encode(suffix, rgba, *options), "glass")
    assert image[20, 10].tolist() == [200, 100, 0]
    np.testing.assert_allclose(image[20, 30], [227, 177, 127], atol=1)
    assert image[20, 50].tolist() == [255, 255, 255]


def test_animated_gif_is_a_picture(tmp_path, four_corners, corner_names):
    import av

    path = tmp_path / "moving.gif"
    with av.open(str(path), "w") as container:
        track = container.add_stream("gif", rate=5)
        track.width, track.height, track.pix_fmt = 96, 64, "rgb8"
        for image in (four_corners, 255 - four_corners):
            container.mux(track.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(track.encode(None))
    with open_media(path) as media:
        assert media.kind == "image"
        frames = list(media.read())
    assert len(frames) == 1
    assert corner_names(frames[0].image_rgb) == "RGBW"


def test_cmyk_jpeg_is_read():
    # Adobe CMYK, one 8 x 8 block per component with a flat zero coefficient: mid grey inks.
    dqt = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64
    sof = b"\xff\xc0\x00\x14\x08\x00\x08\x00\x08\x04" + b"".join(
        bytes([number, 0x11, 0]) for number in (1, 2, 3, 4)
    )
    codes = b"\x01" + b"\0" * 15 + b"\0"
    dht = b"\xff\xc4" + struct.pack(">H", 2 + 2 * 18) + b"\x00" + codes + b"\x10" + codes
    app14 = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    sos = b"\xff\xda\x00\x0e\x04" + bytes([1, 0, 2, 0, 3, 0, 4, 0]) + b"\x00\x3f\x00"
    data = b"\xff\xd8" + app14 + dqt + sof + dht + sos + b"\x00" + b"\xff\xd9"
    image = decode_image(data, "print.jpg")
    assert image.shape == (8, 8, 3)
    # Half ink under half black is a quarter of the light.
    np.testing.assert_allclose(image, 64, atol=2)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_truncated_pictures_are_corrupt(suffix, kept):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (64, 96, 3)).astype(np.uint8)
    data = encode(suffix, noise)
    with pytest.raises(CorruptMediaError, match="damaged"):
        decode_image(data[: int(len(data) * kept)], f"cut{suffix}")


def test_jpeg_without_end_marker_is_corrupt(four_corners):
    data = encode(".jpg", four_corners)
    assert data.endswith(b"\xff\xd9")
    with pytest.raises(CorruptMediaError, match="before the end"):
        decode_image(data[:-2], "cut.jpg")
    # What a camera writes after the end is no damage.
    assert decode_image(data + b"trailer", "more.jpg").shape == (64, 96, 3)


def test_progressive_jpeg_is_read(four_corners, corner_names):
    data = encode(".jpg", four_corners, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert corner_names(decode_image(data, "web.jpg")) == "RGBW"


@pytest.mark.parametrize("suffix", FORMATS)
def test_pixel_limit_comes_before_decoding(suffix, four_corners, monkeypatch, tmp_path):
    path = tmp_path / f"large{suffix}"
    path.write_bytes(encode(suffix, four_corners))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(MediaLimitError, match=r"96 x 64 pixels.*raise the pixel limit"):
        open_media(path, Limits(max_pixels=96 * 64 - 1))


def test_decompression_bomb_is_refused_by_its_header():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + b"\0\0\0\0"
    data += struct.pack(">I", 0) + b"IEND" + b"\xae\x42\x60\x82"
    with pytest.raises(MediaLimitError):
        decode_image(data, "bomb.png")


def test_sound_is_no_picture(tmp_path, make_wav, tone):
    path = make_wav(tmp_path / "a.wav", tone(0.1))
    with pytest.raises(UnsupportedMediaError, match="WAV is not a picture"):
        decode_image(path.read_bytes(), "a.png")


def test_real_pictures(shared_dir):
    path = shared_dir / "media" / "group.jpg"
    with open_media(path) as media:
        frame = next(media.read())
    theirs = cv2.imread(str(path))
    np.testing.assert_array_equal(frame.image_rgb, theirs[:, :, ::-1])
    assert media.size_px == (2048, 1536)


def test_a_file_in_memory_is_a_file():
    done, png = cv2.imencode(".png", np.full((3, 4, 3), 7, dtype=np.uint8))
    assert done
    with open_data(png.tobytes(), "x.png") as media:
        (frame,) = media.read()
        assert media.kind == "image"
        assert frame.image_rgb.shape == (3, 4, 3)
    with pytest.raises(MediaLimitError, match=r"^x\.png: .* 10 allowed"):
        open_data(png.tobytes(), "x.png", Limits(max_bytes=10))
    with pytest.raises(CorruptMediaError, match="empty"):
        open_data(b"", "x.png")


def test_where_nobody_listens_nothing_is_caught(monkeypatch, capfd):
    """The decoding process's standard error goes nowhere, so it need not be led elsewhere."""
    monkeypatch.setattr(quiet, "_nobody_listens", True)
    with quiet.quiet_decoders():
        os.write(2, b"seen at once")
        assert capfd.readouterr().err == "seen at once"

"""What a file is, by its first bytes; names and extensions are not believed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from emoscope.errors import CorruptMediaError, UnsupportedMediaError

HEAD_BYTES = 65_536
"""How many of the first bytes ``sniff`` wants to see."""


@dataclass(frozen=True)
class Sniffed:
    """What a file was found to be.

    Attributes:
        family: ``picture``, or ``stream`` for anything with sound or moving pictures.
        name: what people call it, for example ``JPEG`` or ``MP4``.
        demuxer: the one libav demuxer that may open it, empty for a picture.
    """

    family: Literal["picture", "stream"]
    name: str
    demuxer: str = ""


# (offset, bytes, what it is). Each names one demuxer, so libav never guesses and never reaches
# those that open other files (hls, concat, dash, sdp, image2, ...).
_MAGIC: tuple[tuple[int, bytes, Sniffed], ...] = (
    (0, b"\xff\xd8\xff", Sniffed("picture", "JPEG")),
    (0, b"\x89PNG\r\n\x1a\n", Sniffed("picture", "PNG")),
    (0, b"GIF87a", Sniffed("picture", "GIF")),
    (0, b"GIF89a", Sniffed("picture", "GIF")),
    (0, b"II*\0", Sniffed("picture", "TIFF")),
    (0, b"MM\0*", Sniffed("picture", "TIFF")),
    (0, b"II+\0\x08\0\0\0", Sniffed("picture", "TIFF")),
    (0, b"MM\0+\0\x08\0\0", Sniffed("picture", "TIFF")),
    (0, b"\x1aE\xdf\xa3", Sniffed("stream", "Matroska or WebM", "matroska")),
    (0, b"OggS", Sniffed("stream", "Ogg", "ogg")),
    (0, b"fLaC", Sniffed("stream", "FLAC", "flac")),
    (0, b"FLV\x01", Sniffed("stream", "FLV", "flv")),
    (0, b"\0\0\x01\xba", Sniffed("stream", "MPEG", "mpeg")),
    (0, b"0&\xb2u\x8ef\xcf\x11", Sniffed("stream", "WMV or WMA", "asf")),
    (0, b"caff\0\x01", Sniffed("stream", "CAF", "caf")),
    (0, b"#!AMR", Sniffed("stream", "AMR", "amr")),
    (0, b".snd", Sniffed("stream", "AU", "au")),
    (0, b"MAC ", Sniffed("stream", "Monkey's Audio", "ape")),
    (0, b"wvpk", Sniffed("stream", "WavPack", "wv")),
    (0, b"TTA1", Sniffed("stream", "TTA", "tta")),
    (0, b"riff.\x91\xcf\x11", Sniffed("stream", "W64", "w64")),
)
_RIFF = {
    b"WEBP": Sniffed("picture", "WebP"),
    b"WAVE": Sniffed("stream", "WAV", "wav"),
    b"AVI ": Sniffed("stream", "AVI", "avi"),
}
_BMP_HEADER_BYTES = (12, 16, 40, 52, 56, 64, 108, 124)
_MOV_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_PLAYLIST_TEXT = re.compile(
    rb"#EXTM3U|ffconcat version|\[playlist\]|\[reference\]|<asx\b|<mpd\b|<smil\b|<playlist\b"
    rb"|<SmoothStreamingMedia\b|\Av=0\r?\no=|\Artsptext|\Arptext",
    re.IGNORECASE,
)
_PLAYLIST_SUFFIXES = frozenset(
    {".m3u", ".m3u8", ".pls", ".asx", ".wax", ".wvx", ".mpd", ".sdp", ".ffconcat", ".ffcat"}
    | {".xspf", ".smil", ".ram", ".qtl"}
)
MEDIA_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}
    | {".wav", ".mp3", ".m4a", ".flac", ".ogg", ".oga", ".opus", ".aac", ".aif", ".aiff", ".wma"}
    | {".mp4", ".m4v", ".mov", ".mkv", ".mka", ".webm", ".avi", ".wmv", ".mpg", ".mpeg", ".ts"}
    | {".3gp", ".flv"}
)
"""Names that promise a medium; anything else under such a name is mislabelled."""


def sniff(head: bytes, source: str) -> Sniffed:
    """Tell what a file is.

    Args:
        head: its first ``HEAD_BYTES`` bytes, or all of a shorter one.
        source: the name of the file, for errors.

    Raises:
        CorruptMediaError: empty, or named like a medium but holding something else.
        UnsupportedMediaError: a playlist, or no picture, recording or video.
    """
    if not head:
        raise CorruptMediaError(source, "the file is empty; get a complete copy of it")
    found = _by_magic(head) or _by_structure(head)
    if found is None:
        raise _refusal(head, source)
    return found


def _by_magic(head: bytes) -> Sniffed | None:
    for offset, magic, found in _MAGIC:
        if head.startswith(magic, offset):
            return found
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Sniffed("stream", "AIFF", "aiff")
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return Sniffed("picture", "BMP")
    return None


def _by_structure(head: bytes) -> Sniffed | None:
    if head[4:8] in _MOV_BOXES:
        return _isobmff(head)
    if head[:3] == b"ID3":
        return _after_id3(head)
    for packet in (188, 192, 204):
        start = 4 if packet == 192 else 0
        if len(head) > start + 2 * packet and all(
            head[start + packet * i] == 0x47 for i in range(min(5, (len(head) - start) // packet))
        ):
            return Sniffed("stream", "MPEG-TS", "mpegts")
    return _raw_audio(head)


def _isobmff(head: bytes) -> Sniffed:
    brands = head[8 : min(int.from_bytes(head[:4], "big"), 256)] if head[4:8] == b"ftyp" else b""
    if brands[:4] in (b"avif", b"avis"):
        return Sniffed("picture", "AVIF")
    if brands[:4] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
        if b"avif" in brands:
            return Sniffed("picture", "AVIF")
        return Sniffed("picture", "HEIC")
    name = "MOV" if brands[:4] == b"qt  " else "M4A" if brands[:3] == b"M4A" else "MP4"
    return Sniffed("stream", name, "mov")


def _after_id3(head: bytes) -> Sniffed:
    """An ID3v2 tag stands before MP3 mostly, sometimes before AAC or FLAC."""
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    rest = head[10 + size :]
    if rest.startswith(b"fLaC"):
        return Sniffed("stream", "FLAC", "flac")
    if len(rest) > 6 and rest[0] == 0xFF and rest[1] & 0xF6 == 0xF0:
        return Sniffed("stream", "AAC", "aac")
    return Sniffed("stream", "MP3", "mp3")


def _raw_audio(head: bytes) -> Sniffed | None:
    """Frames that follow one another without a file header."""
    at = head.find(b"\xff")
    while 0 <= at < len(head) - 4:
        if _frames_follow(head, at, _mpeg_frame_bytes):
            return Sniffed("stream", "MP3", "mp3")
        if at == 0 and _frames_follow(head, at, _adts_frame_bytes):
            return Sniffed("stream", "AAC", "aac")
        at = head.find(b"\xff", at + 1)
    if head[:2] == b"\x0b\x77":
        return Sniffed("stream", "AC-3", "eac3" if len(head) > 5 and head[5] >> 3 > 10 else "ac3")
    return None


def _frames_follow(head: bytes, at: int, frame_bytes: Callable[[bytes], int | None]) -> bool:
    """Whether three frames stand in a row (or as many as fit) from ``at``."""
    for _ in range(3):
        step = frame_bytes(head[at : at + 8])
        if step is None:
            return False
        at += step
        if at >= len(head):
            return True
    return True


def _mpeg_frame_bytes(header: bytes) -> int | None:
    """Length of an MPEG audio layer I to III frame (ISO 11172-3), None where there is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, frequency_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or rate_index in (0, 15) or frequency_index == 3:
        return None
    first = version == 3
    kbps = _KBPS[(first, layer if first else min(layer, 2))][rate_index - 1]
    frequency = (44_100, 48_000, 32_000)[frequency_index] >> {3: 0, 2: 1, 0: 2}[version]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kbps // frequency + padding) * 4
    slots = 72_000 if layer == 3 and not first else 144_000
    return slots * kbps // frequency + padding


def _adts_frame_bytes(header: bytes) -> int | None:
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return None
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length >= 7 else None


_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _refusal(head: bytes, source: str) -> UnsupportedMediaError | CorruptMediaError:
    suffix = PurePath(source).suffix.lower()
    text = _is_text(head)
    if _PLAYLIST_TEXT.search(head[:4096]) or (text and suffix in _PLAYLIST_SUFFIXES):
        return UnsupportedMediaError(
            source, "a playlist, not a medium; give the recordings or videos that it lists"
        )
    holds = "text" if text else "nothing that is known as picture, recording or video"
    if suffix in MEDIA_SUFFIXES:
        return CorruptMediaError(
            source, f"named {suffix} but holds {holds}; get the right file, or an intact copy"
        )
    return UnsupportedMediaError(source, f"holds {holds}; give a picture, a recording or a video")


def _is_text(head: bytes) -> bool:
    if b"\0" in head[:1024] and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return False
    control = sum(byte < 9 or 13 < byte < 32 for byte in head[:1024])
    return control <= len(head[:1024]) // 50 or head[:2] in (b"\xff\xfe", b"\xfe\xff")

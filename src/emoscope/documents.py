"""JSON documents back to results: the inverse of ``to_dict``, up to what that rounds.

Documents may come from anybody: each value is checked, and keys that are not known are passed over,
so that a later ``emoscope/1`` may say more.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

from emoscope.results import (
    SCHEMA,
    Analysis,
    Box,
    FaceEmotion,
    FusedEmotion,
    Kind,
    TextEmotion,
    VoiceEmotion,
    Word,
)
from emoscope.scores import scores_of

Row = Mapping[str, Any]
_Reading = TypeVar("_Reading")


def analysis_of(document: Row) -> Analysis:
    """What :meth:`Analysis.to_dict` was made from.

    Raises:
        ValueError: no such document, or of a schema that is not known; the message names the place.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"expected a document of schema {SCHEMA}, got {_named(document)}")
    schema = document.get("schema")
    if schema != SCHEMA:
        raise ValueError(
            f"expected schema {SCHEMA!r}, got {schema!r}; a newer emoscope may have written it"
        )
    try:
        return Analysis(
            source=_text(document, "source"),
            kind=_kind(document),
            duration_s=_positive(document, "duration_s"),
            size_px=_size(document),
            has_sound=_flag(document, "has_sound"),
            frames_read=_count(document, "frames_read"),
            models={
                role: _text(_mapping(document, "models"), role)
                for role in _mapping(document, "models")
            },
            faces=_all(document, "faces", _face),
            voice=_all(document, "voice", _voice),
            words=_all(document, "words", _words),
            fused=_all(document, "fused", _fused),
        )
    except KeyError as missing:
        raise ValueError(f"no {SCHEMA} document: {missing.args[0]} is missing") from missing
    except (TypeError, OverflowError) as wrong:
        raise ValueError(f"no {SCHEMA} document: {wrong}") from wrong


def _all(row: Row, key: str, read: Callable[[Row], _Reading]) -> tuple[_Reading, ...]:
    listed = row[key]
    if not isinstance(listed, list):
        raise TypeError(f"expected {key} to be a list, got {_named(listed)}")
    found = []
    for index, item in enumerate(listed):
        try:
            if not isinstance(item, Mapping):
                raise TypeError(f"expected an object, got {_named(item)}")
            found.append(read(item))
        except KeyError as missing:
            raise ValueError(f"{key}[{index}]: {missing.args[0]} is missing") from missing
        except (TypeError, ValueError, OverflowError) as wrong:
            raise ValueError(f"{key}[{index}]: {wrong}") from wrong
    return tuple(found)


def _face(row: Row) -> FaceEmotion:
    return FaceEmotion(
        time_s=_number(row, "time_s"),
        box_xyxy=_box(row),
        detection_score=_number(row, "detection_score"),
        track_id=_count(row, "track_id"),
        scores=scores_of(row),
        box_held=_flag(row, "box_held"),
    )


def _voice(row: Row) -> VoiceEmotion:
    return VoiceEmotion(_number(row, "start_s"), _number(row, "end_s"), scores_of(row))


def _word(row: Row) -> Word:
    return Word(
        _text(row, "text"),
        _number(row, "start_s"),
        _number(row, "end_s"),
        _number(row, "probability"),
    )


def _words(row: Row) -> TextEmotion:
    return TextEmotion(
        start_s=_number(row, "start_s"),
        end_s=_number(row, "end_s"),
        text=_text(row, "text"),
        scores=scores_of(row),
        language=_or_none(row, "language", _text),
        language_probability=_or_none(row, "language_probability", _number),
        words=_all(row, "words", _word),
        translated=_flag(row, "translated"),
        scored_text=_or_none(row, "scored_text", _text),
    )


def _fused(row: Row) -> FusedEmotion:
    return FusedEmotion(
        time_s=_number(row, "time_s"),
        scores=scores_of(row),
        weights=_weights(row),
        qualities=_shares(row, "qualities"),
        congruence=_or_none(row, "congruence", _number),
        pairs=_shares(row, "pairs"),
        track_id=_or_none(row, "track_id", _count),
        end_s=_or_none(row, "end_s", _number),
    )


def _kind(row: Row) -> Kind:
    for kind in get_args(Kind):
        if row["kind"] == kind:
            found: Kind = kind
            return found
    raise ValueError(f"expected kind to be one of {get_args(Kind)}, got {row['kind']!r}")


def _size(row: Row) -> tuple[int, int] | None:
    size = row["size_px"]
    if size is None:
        return None
    if not (isinstance(size, list) and len(size) == 2):
        raise TypeError(f"expected size_px to be [width, height] or null, got {size!r}")
    width, height = (_count({"size_px": side}, "size_px") for side in size)
    return width, height


def _box(row: Row) -> Box:
    corners = row["box_xyxy"]
    if not (isinstance(corners, list) and len(corners) == 4):
        raise TypeError(f"expected box_xyxy to be four numbers, got {corners!r}")
    x1, y1, x2, y2 = (_number({"box_xyxy": value}, "box_xyxy") for value in corners)
    # Rounding may have taken the area of a tiny box.
    x2 = math.nextafter(x1, math.inf) if x1 == x2 else x2
    y2 = math.nextafter(y1, math.inf) if y1 == y2 else y2
    return x1, y1, x2, y2


def _shares(row: Row, key: str) -> dict[str, float]:
    shares = _mapping(row, key)
    return {name: _number(shares, name) for name in shares}


def _weights(row: Row) -> dict[str, float]:
    """The weights; one that rounding made 0 stays above it, since whoever has one spoke."""
    spoke = row["modalities"]
    if not isinstance(spoke, list):
        raise TypeError(f"expected modalities to be a list, got {_named(spoke)}")
    least = {name: sys.float_info.min if name in spoke else 0.0 for name in row["weights"]}
    return {name: max(share, least[name]) for name, share in _shares(row, "weights").items()}


def _or_none(row: Row, key: str, read: Callable[[Row, str], _Reading]) -> _Reading | None:
    return None if row[key] is None else read(row, key)


def _mapping(row: Row, key: str) -> Row:
    value = row[key]
    if not isinstance(value, Mapping):
        raise TypeError(f"expected {key} to be an object, got {_named(value)}")
    return value


def _number(row: Row, key: str) -> float:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"expected {key} to be a finite number, got {value!r}")
    return float(value)


def _positive(row: Row, key: str) -> float:
    value = _number(row, key)
    if value < 0:
        raise ValueError(f"expected {key} >= 0, got {value}")
    return value


def _count(row: Row, key: str) -> int:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected {key} to be a whole number, got {value!r}")
    return value


def _flag(row: Row, key: str) -> bool:
    value = row[key]
    if not isinstance(value, bool):
        raise TypeError(f"expected {key} to be true or false, got {value!r}")
    return value


def _text(row: Row, key: str) -> str:
    value = row[key]
    if not isinstance(value, str):
        raise TypeError(f"expected {key} to be a string, got {_named(value)}")
    return value


def _named(value: object) -> str:
    return type(value).__name__

"""Which format a client accepts."""

from __future__ import annotations

from emoscope.apps.api.problems import ProblemError
from emoscope.export.formats import Format

# Where several formats share a media type, the first is meant; the others need ``format=``.
_OFFERED = (
    Format.JSON,
    Format.CSV,
    Format.VTT,
    Format.ANNOTATED,
    Format.SRT,
    Format.TEXTGRID,
    Format.EAF,
    Format.PARQUET,
)


def offered_types() -> tuple[str, ...]:
    """All media types that can be asked for."""
    return tuple(dict.fromkeys(kind for one in _OFFERED for kind in one.media_types))


def wanted_format(accept: str | None, given: Format | None) -> Format:
    """The format that a request asks for; JSON where it says nothing.

    Args:
        accept: the header (RFC 9110, section 12.5.1), None where there is none.
        given: what the ``format`` option says; it counts more.

    Raises:
        ProblemError: 406, nothing that is accepted can be given.
    """
    if given is not None:
        return given
    if accept is None or not accept.strip():
        return Format.JSON
    best: tuple[float, int, Format] | None = None
    for part in accept.split(","):
        pattern, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = _quality(parameters)
        for rank, one in enumerate(_OFFERED):
            if quality > 0 and any(_matches(pattern, kind) for kind in one.media_types):
                # Of equals, the one that was named and not just allowed.
                found = (quality + (0.0005 if "*" not in pattern else 0.0), -rank, one)
                best = found if best is None else max(best, found)
                break
    if best is None:
        raise ProblemError(
            406,
            "not-acceptable",
            f"none of the accepted types can be given; there are {', '.join(offered_types())}",
            field="Accept",
        )
    return best[2]


def _matches(pattern: str, kind: str) -> bool:
    family, _, name = pattern.partition("/")
    own_family, _, own_name = kind.partition("/")
    return family in ("*", own_family) and name in ("*", own_name)


def _quality(parameters: list[str]) -> float:
    for one in parameters:
        name, _, value = one.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0

"""Results as files: one table of formats, and the media with what was read in them.

Names are loaded when first used, so that whoever only lists formats loads no decoder.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope.export.annotate import annotate_picture
    from emoscope.export.film import annotate_video
    from emoscope.export.formats import Format, export_all, render, usual_formats, write
    from emoscope.export.outline import envelope
    from emoscope.export.timeline import draw_timeline

_ORIGIN = {
    "Format": "formats",
    "annotate_picture": "annotate",
    "annotate_video": "film",
    "draw_timeline": "timeline",
    "envelope": "outline",
    "export_all": "formats",
    "render": "formats",
    "usual_formats": "formats",
    "write": "formats",
}

__all__ = [
    "Format",
    "annotate_picture",
    "annotate_video",
    "draw_timeline",
    "envelope",
    "export_all",
    "render",
    "usual_formats",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _ORIGIN:
        raise AttributeError(f"module 'emoscope.export' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"emoscope.export.{_ORIGIN[name]}"), name)
    globals()[name] = value
    return value

"""Pictures, recordings and videos as frames and sound, decoded within limits."""

from __future__ import annotations

from emoscope.media.frames import SAMPLE_RATE, Frame, Sound
from emoscope.media.limits import Limits
from emoscope.media.reader import Media, open_data, open_media

__all__ = ["SAMPLE_RATE", "Frame", "Limits", "Media", "Sound", "open_data", "open_media"]

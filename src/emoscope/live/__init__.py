"""Camera and microphone, read as they come."""

from __future__ import annotations

from emoscope.live.capture import Capture
from emoscope.live.engine import LiveEngine
from emoscope.live.sources import CameraSource, MicrophoneSource, camera, microphone
from emoscope.live.state import LiveFace, LiveState, LiveVoice

__all__ = [
    "CameraSource",
    "Capture",
    "LiveEngine",
    "LiveFace",
    "LiveState",
    "LiveVoice",
    "MicrophoneSource",
    "camera",
    "microphone",
]

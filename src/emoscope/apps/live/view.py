"""What the window shows besides what was read."""

from __future__ import annotations

from dataclasses import dataclass

from emoscope.live.reading import VoiceMode


@dataclass(frozen=True)
class Device:
    """A camera or a microphone as the window knows it.

    Attributes:
        name: as the user gave it; None: off.
        open: it gives something now.
        message: what is wrong, or that it ended; None while all is well.
    """

    name: str | None = None
    open: bool = False
    message: str | None = None


@dataclass(frozen=True)
class View:
    """Settings and facts of the window.

    Attributes:
        camera: the camera.
        microphone: the microphone.
        voice_mode: ``auto`` listens always, ``key`` only when asked.
        show_translated: translated readings are shown.
        show_help: the keys are listed over the picture.
        paused: nothing is read.
        frames_per_s: pictures shown in a second; None: not known yet.
        delay_s: from taking a picture to showing it; None: not known yet.
        notice: one line on what was just done; None: nothing.
    """

    camera: Device = Device()
    microphone: Device = Device()
    voice_mode: VoiceMode = "auto"
    show_translated: bool = True
    show_help: bool = False
    paused: bool = False
    frames_per_s: float | None = None
    delay_s: float | None = None
    notice: str | None = None

"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Detector(StrEnum):
    """Face detectors that can be asked for."""

    AUTO = "auto"
    YUNET = "yunet"
    HAAR = "haar"


class Speech(StrEnum):
    """Speech gates that can be asked for."""

    AUTO = "auto"
    SILERO = "silero"
    LIGHT = "light"


FaceModel = Annotated[
    str, typer.Option("--face-model", help="Name, .onnx file or run folder of the face model.")
]
VoiceModel = Annotated[
    str, typer.Option("--voice-model", help="Name, .onnx file or run folder of the voice model.")
]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, nothing else there.")]

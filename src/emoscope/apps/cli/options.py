"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from emoscope.export.formats import Format


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


class Smooth(StrEnum):
    """How fused answers are steadied over time."""

    NONE = "none"
    WINDOW = "window"
    EXPONENTIAL = "exponential"


FaceDetector = Annotated[Detector, typer.Option("--detector", help="Face detector.")]
SpeechGate = Annotated[Speech, typer.Option("--speech", help="How speech is found.")]
MinConfidence = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Below this a reading is 'unsure'.")
]
Fps = Annotated[
    float, typer.Option(min=0.01, max=1000.0, help="Video frames looked at per second.")
]
Smoothing = Annotated[
    Smooth,
    typer.Option("--smooth", help="How the answers of all together are steadied over time."),
]
MaxMegapixels = Annotated[float, typer.Option(min=0.001, help="Larger pictures are refused.")]
MaxHours = Annotated[
    float, typer.Option(min=0.001, help="Longer recordings and videos are refused.")
]
FaceModel = Annotated[
    str, typer.Option("--face-model", help="Name, .onnx file or run folder of the face model.")
]
VoiceModel = Annotated[
    str, typer.Option("--voice-model", help="Name, .onnx file or run folder of the voice model.")
]
WordsModel = Annotated[
    str,
    typer.Option(
        "--words-model",
        help="Name, .onnx file or run folder of the text model, or the folder of a Hugging Face "
        "classifier exported to ONNX.",
    ),
]
Transcribe = Annotated[
    str | None,
    typer.Option(
        "--transcribe",
        metavar="[tiny|base|small|medium|large-v3|turbo|FOLDER]",
        help="Read the words too, with this Whisper (fetched when first needed).",
    ),
]
Language = Annotated[
    str | None,
    typer.Option("--language", help="What is spoken, for example 'de'; heard when left out."),
]
Translate = Annotated[bool, typer.Option("--translate", help="Give the words in English.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, nothing else there.")]
Formats = Annotated[
    list[Format] | None,
    typer.Option(
        "--format",
        help="What to write, may be given several times; JSON, CSV, annotated media and words as "
        "subtitles when left out.",
    ),
]
KeepHistory = Annotated[
    bool, typer.Option("--history", help="Keep the results in the history, too.")
]

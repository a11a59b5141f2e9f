"""What a request may ask for: the options of ``emoscope analyze``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emoscope.analyzer import DEFAULT_FPS, DEFAULT_MIN_CONFIDENCE
from emoscope.apps.api.problems import ProblemError
from emoscope.export.formats import Format
from emoscope.media import Limits


class AnalyzeOptions(BaseModel):
    """Options of one analysis, as query parameters or fields of the form; the form's count more."""

    model_config = ConfigDict(extra="forbid")

    min_confidence: Annotated[
        float, Field(ge=0, le=1, description="Below this a reading is unsure.")
    ] = DEFAULT_MIN_CONFIDENCE
    fps: Annotated[
        float, Field(ge=0.01, le=1000, description="Video frames looked at per second.")
    ] = DEFAULT_FPS
    smooth: Annotated[
        Literal["none", "window", "exponential"],
        Field(description="How the answers of all together are steadied over time."),
    ] = "none"
    face_model: Annotated[
        str | None, Field(max_length=100, description="A face model's name from /v1/models.")
    ] = None
    voice_model: Annotated[
        str | None, Field(max_length=100, description="A voice model's name from /v1/models.")
    ] = None
    words_model: Annotated[
        str | None, Field(max_length=100, description="A text model's name from /v1/models.")
    ] = None
    detector: Annotated[
        Literal["auto", "yunet", "haar"] | None, Field(description="Face detector.")
    ] = None
    speech: Annotated[
        Literal["auto", "silero", "light"] | None, Field(description="How speech is found.")
    ] = None
    transcribe: Annotated[
        str | None,
        Field(max_length=100, description="Read the words too, with the Whisper of this service."),
    ] = None
    language: Annotated[
        str | None,
        Field(pattern="^[a-z]{2,3}$", description="What is spoken, for example 'de'."),
    ] = None
    translate: Annotated[bool, Field(description="Give the words in English.")] = False
    max_megapixels: Annotated[
        float | None,
        Field(gt=0, le=1e4, description="Refuse larger pictures; never more than the service's."),
    ] = None
    max_hours: Annotated[
        float | None,
        Field(gt=0, le=1e3, description="Refuse longer media; never more than the service's."),
    ] = None
    format: Annotated[
        Format | None,
        Field(description="What to answer with, where the Accept header cannot say."),
    ] = None

    def within(self, limits: Limits) -> Limits:
        """The service's limits, or tighter ones where asked for."""
        pixels, seconds = limits.max_pixels, limits.max_duration_s
        if self.max_megapixels is not None:
            pixels = max(1, min(pixels, round(self.max_megapixels * 1e6)))
        if self.max_hours is not None:
            seconds = min(seconds, self.max_hours * 3600)
        return replace(limits, max_pixels=pixels, max_duration_s=seconds)


_Options = TypeVar("_Options", bound=AnalyzeOptions)


def with_fields(options: _Options, fields: Mapping[str, str]) -> _Options:
    """The options of the query with those of the form over them.

    Raises:
        ProblemError: 422, an unknown option or a value out of range.
    """
    if not fields:
        return options
    try:
        return type(options).model_validate(options.model_dump(exclude_unset=True) | dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise ProblemError(422, "invalid-value", f"{name}: {first['msg']}", field=name) from None

"""What the service is and how it feels: models, labels, health, metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from emoscope.apps.api import metrics
from emoscope.apps.api.problems import ProblemError, responses
from emoscope.apps.api.requests import service_of
from emoscope.labels import COLOURS, SHARED
from emoscope.models import catalog, store

guarded = APIRouter(tags=["about"])
opened = APIRouter(tags=["health"])


class ModelInfo(BaseModel):
    """One model that this service can be asked for."""

    name: Annotated[str, Field(description="As the options take it.")]
    role: Annotated[str, Field(description="What it reads: face, voice, words; or detector ...")]
    version: str
    title: str
    licence: str
    is_default: Annotated[bool, Field(description="Used where a request names none.")]
    is_loaded: bool


class ModelList(BaseModel):
    """The models of this service."""

    models: list[ModelInfo]
    transcribe: Annotated[
        str | None, Field(description="The Whisper that requests may ask for; null: none.")
    ]
    loaded: Annotated[dict[str, str], Field(description="Role to name@version.")]


class LabelInfo(BaseModel):
    """One of the shared emotions."""

    name: str
    colour: Annotated[str, Field(description="As in annotated media, #rrggbb.")]


class LabelList(BaseModel):
    """The emotions that all models' labels are mapped to."""

    labels: list[LabelInfo]


class Health(BaseModel):
    """Whether the service is well."""

    status: Literal["ok"] = "ok"


@guarded.get("/v1/models", operation_id="listModels", responses=responses(401, 403))
def models(request: Request) -> ModelList:
    """Those that are on this machine."""
    service = service_of(request)
    own = service.settings
    defaults = (own.face_model, own.voice_model, own.words_model)
    loaded = service.shelf.loaded
    running = {name for names in loaded.values() for name in names.split(", ")}
    return ModelList(
        models=[
            ModelInfo(
                name=spec.name,
                role=spec.role,
                version=spec.version,
                title=spec.title,
                licence=spec.licence,
                is_default=spec.name in defaults,
                is_loaded=spec.at_version in running,
            )
            for spec in catalog.catalog().values()
            if store.is_available(spec.name)
        ],
        transcribe=own.transcribe,
        loaded=loaded,
    )


@guarded.get("/v1/labels", operation_id="listLabels", responses=responses(401, 403))
def labels() -> LabelList:
    """The shared seven, in order, with their colours."""
    return LabelList(labels=[LabelInfo(name=str(one), colour=COLOURS[one]) for one in SHARED])


@guarded.get(
    "/metrics",
    operation_id="getMetrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **responses(401, 403),
    },
)
def counts(request: Request) -> Response:
    """Counts, latencies by stage, the line, model versions; no names of files."""
    text = service_of(request).metrics.text()
    return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})


@opened.get("/livez", operation_id="getLiveness")
def livez() -> Health:
    """The process answers."""
    return Health()


@opened.get("/readyz", operation_id="getReadiness", responses=responses(503))
def readyz(request: Request) -> Health:
    """The models are loaded and requests are taken."""
    if not service_of(request).is_ready:
        raise ProblemError(
            503, "not-ready", "the models are being loaded, or it is stopping", retry_after_s=2
        )
    return Health()

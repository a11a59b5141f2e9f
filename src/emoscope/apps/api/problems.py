"""Refusals as problem documents (RFC 9457): what was wrong, which field, beyond which limit."""

from __future__ import annotations

import asyncio
import contextlib
import http
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from emoscope.errors import (
    AnalysisCancelledError,
    EmoscopeError,
    MediaError,
    MediaLimitError,
    ModelError,
    UnsupportedMediaError,
)

MEDIA_TYPE = "application/problem+json"
_DISCARD_BYTES, _DISCARD_S = 8 * 1024**2, 2.0


class Problem(BaseModel):
    """A refusal or failure, after RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="What kind of problem; a URN.")] = "about:blank"
    title: Annotated[str, Field(description="The kind in words.")]
    status: Annotated[int, Field(ge=400, le=599, description="The HTTP status once more.")]
    detail: Annotated[str, Field(description="What was wrong here and what to do.")]
    field: Annotated[str | None, Field(description="Which part of the request it is about.")] = None
    limit: Annotated[
        float | None, Field(description="What is allowed, where a limit was passed.")
    ] = None


class ProblemError(Exception):
    """Ends a request with a problem document.

    Attributes:
        status: of the answer.
        kind: last part of the problem's type, for example ``too-large``.
        detail: what was wrong and what to do, one line.
        field: which part of the request it is about.
        limit: what is allowed, where a limit was passed.
        retry_after_s: when to try again; None: not by waiting.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        field: str | None = None,
        limit: float | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.field, self.limit, self.retry_after_s = field, limit, retry_after_s


def problem_of(error: EmoscopeError, *, field: str = "file") -> ProblemError:
    """What a client is told of an error of ours; never where files lie."""
    if isinstance(error, AnalysisCancelledError):
        return ProblemError(499, "cancelled", "cancelled before it was done")
    if isinstance(error, MediaError):
        if isinstance(error, UnsupportedMediaError):
            return ProblemError(415, "unsupported-medium", error.problem, field=field)
        if isinstance(error, MediaLimitError):
            return ProblemError(413, "beyond-limit", error.problem, field=field, limit=error.limit)
        return ProblemError(422, "unreadable-medium", error.problem, field=field)
    if isinstance(error, ModelError):
        return ProblemError(503, "model-unavailable", "a model of this service cannot be used now")
    return ProblemError(500, "failed", "the service failed on this input")


def problem_document(error: ProblemError) -> Problem:
    """The document for a problem."""
    return Problem(
        type=f"urn:emoscope:{error.kind}",
        title=error.kind.replace("-", " "),
        status=error.status,
        detail=error.detail,
        field=error.field,
        limit=error.limit,
    )


def install(app: FastAPI) -> None:
    """Make every refusal of the app a problem document."""

    @app.exception_handler(ProblemError)
    async def _ours(request: Request, error: ProblemError) -> JSONResponse:
        wait_s = error.retry_after_s
        headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
        return await _answer(request, problem_document(error), headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        problem = ProblemError(422, "invalid-value", f"{name}: {first['msg']}", field=name or None)
        return await _answer(request, problem_document(problem))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return await _plain(request, error.status_code, str(error.detail), error.headers)

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return await _plain(request, 499, "the client has gone")

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        return await _plain(request, 500, "the service failed; its log says why")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses answer with a problem document."""
    return {
        status: {
            "description": http.HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


async def _plain(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    problem = Problem(title=_phrase(status), status=status, detail=detail)
    return await _answer(request, problem, headers)


async def _answer(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    more = {} if await _is_read(request) else {"Connection": "close"}
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        problem.status,
        {**(headers or {}), **more},
        media_type=MEDIA_TYPE,
    )


async def _is_read(request: Request) -> bool:
    """Whether the body was read, or the little that was left of it could be.

    A connection that is closed over unread bytes is reset, and the client may never see why; one
    that is not closed may go on sending for hours.
    """
    if getattr(request.state, "body_is_read", False):
        return True
    taken = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_S):
            while taken < _DISCARD_BYTES:
                message = await request.receive()
                taken += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return True
    return False


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Problem"

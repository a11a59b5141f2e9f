"""The service put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from emoscope import __version__
from emoscope.apps.api import about, analyze, job_routes, live_socket, openapi, problems
from emoscope.apps.api.counting import Counting
from emoscope.apps.api.jobs import Jobs
from emoscope.apps.api.security import authorised
from emoscope.apps.api.service import Service
from emoscope.apps.api.settings import ServiceSettings

_FORGET_S = 30.0


def create_app(settings: ServiceSettings) -> FastAPI:
    """The application; models are loaded when it starts, or by ``app.state.service.start()``.

    Tests without a key use ``TestClient(app, base_url="http://127.0.0.1")``: other hosts are
    refused, so that no name of somebody else can point here.
    """
    service = Service(settings)
    jobs = Jobs(service)

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        forgetting = asyncio.create_task(_forget_now_and_then(jobs))
        try:
            if not service.is_ready:
                await run_in_threadpool(service.start)
            yield
        finally:
            forgetting.cancel()
            await run_in_threadpool(service.stop)

    app = FastAPI(
        title="emoscope",
        version=__version__,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.settings, app.state.service, app.state.jobs = settings, service, jobs
    app.add_middleware(Counting, metrics=service.metrics)
    problems.install(app)
    key = [Depends(authorised)]
    # What is asked for most comes first: routes are tried in order.
    for router in (analyze.router, job_routes.router, about.guarded):
        app.include_router(router, dependencies=key)
    app.include_router(about.opened)
    app.include_router(live_socket.router(service.shelf.base, settings), dependencies=key)
    openapi.install(app)
    return app


async def _forget_now_and_then(jobs: Jobs) -> None:
    while True:
        await asyncio.sleep(_FORGET_S)
        await run_in_threadpool(jobs.forget_old)

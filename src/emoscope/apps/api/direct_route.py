"""A shorter way to an endpoint that takes a request and its options."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from emoscope.apps.api.options import AnalyzeOptions
from emoscope.apps.api.security import authorised


class DirectRoute(APIRoute):
    """Calls its endpoint at once where a request has no query.

    FastAPI looks for each option anew in every request, which takes longer than all the rest of
    the way. Without a query all options are what they usually are. With one, and in the
    description of the service, this is a route like others.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual, endpoint = super().get_route_handler(), self.endpoint

        async def handle(request: Request) -> Response:
            if request.scope["query_string"]:
                return await usual(request)
            await authorised(request)  # which is a dependency of the app's routers
            response: Response = await endpoint(request, AnalyzeOptions())
            return response

        return handle

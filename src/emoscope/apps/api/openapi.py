"""The service's description for generated clients, and a page of it for people."""

from __future__ import annotations

import html
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from emoscope.apps.api import schema
from emoscope.apps.api.problems import Problem

_ABOUT = """Reads how emotion appears in faces, voices and words: pictures, recordings, videos.

A reading describes how expression appears to people who label it, not what somebody feels. It must
not be used to decide about people. Nothing that is sent is kept: a medium is removed when it was
read. The service fetches nothing for a client.
"""
_OPEN_PATHS = ("/livez", "/readyz")


def install(app: FastAPI) -> None:
    """Give the app its description at ``/openapi.json`` and ``/docs``."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        page = _page(describe())
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    schemas.setdefault("Problem", Problem.model_json_schema())
    schemas.update(schema.analysis_schemas())
    # FastAPI's own words for refusals, which this service does not use.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    without: list[dict[str, Any]] = [] if app.state.settings.api_key else [{}]
    for path, operations in found["paths"].items():
        for operation in operations.values():
            if path not in _OPEN_PATHS:
                operation["security"] = [{"bearer": []}, {"header": []}, *without]
    return found


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c1e21; background: #fff }
h2 { margin: 2.2rem 0 .3rem; font-size: 1.15rem } code { font-family: ui-monospace, monospace }
b.verb { display: inline-block; min-width: 4.2rem; color: #0072b2 }
table { border-collapse: collapse; margin: .5rem 0 } td { padding: .15rem .9rem .15rem 0;
       vertical-align: top } .faint { color: #5c6166 }
@media (prefers-color-scheme: dark) { body { color: #e6e8ea; background: #17191b }
       b.verb { color: #56b4e9 } .faint { color: #a2a8ae } }
"""


def _page(described: dict[str, Any]) -> str:
    """All operations on one page that needs nothing from elsewhere."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>emoscope service</title><style>{_STYLE}</style>",
        f"<h1>emoscope {_text(described['info']['version'])}</h1>",
        *(f"<p>{_text(block)}</p>" for block in described["info"]["description"].split("\n\n")),
        "<p>For generated clients: <a href=openapi.json>openapi.json</a>. The key, where one is "
        "asked for, goes into the header <code>Authorization: Bearer KEY</code>.</p>",
    ]
    for path, operations in described["paths"].items():
        for verb, operation in operations.items():
            parts += _operation(path, verb, operation)
    return "\n".join(parts)


def _operation(path: str, verb: str, operation: dict[str, Any]) -> list[str]:
    lines = [
        f"<h2><b class=verb>{_text(verb.upper())}</b> <code>{_text(path)}</code></h2>",
        f"<p>{_text(operation.get('summary', ''))}. {_text(operation.get('description', ''))}</p>",
    ]
    rows = [
        f"<tr><td><code>{_text(one['name'])}</code><td>{_text(_default(one))}"
        f"<td>{_text(one.get('description', ''))}"
        for one in operation.get("parameters", ())
    ]
    if rows:
        lines.append(f"<table>{''.join(rows)}</table>")
    kinds = operation["responses"].get("200", {}).get("content", {})
    if kinds:
        lines.append(f"<p class=faint>Answers: {_text(', '.join(kinds))}</p>")
    return lines


def _default(parameter: dict[str, Any]) -> str:
    if parameter.get("required"):
        return "required"
    default = parameter.get("schema", {}).get("default")
    return "" if default is None else str(default).lower()


def _text(value: str) -> str:
    return html.escape(str(value))

"""What generated clients are told of bodies and answers."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from emoscope.apps.api.accept import offered_types
from emoscope.apps.api.options import AnalyzeOptions

ANALYSIS = "Analysis"


def body() -> dict[str, Any]:
    """OpenAPI's words for a medium as a form or as the body itself."""
    options = AnalyzeOptions.model_json_schema()["properties"]
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "description": "A picture, recording or video.",
            },
            **{name: about for name, about in options.items() if name != "format"},
        },
    }
    raw = {"schema": {"type": "string", "format": "binary"}}
    kinds = ("application/octet-stream", "image/*", "audio/*", "video/*")
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": form}, **dict.fromkeys(kinds, raw)},
    }


def results() -> dict[str, Any]:
    """OpenAPI's words for a result in each format."""
    content: dict[str, Any] = {}
    for kind in offered_types():
        binary = kind.startswith(("image/", "video/")) or kind.endswith("parquet")
        text: dict[str, Any] = {"type": "string"}
        if binary:
            text["format"] = "binary"
        content[kind] = {"schema": text}
    content["application/json"] = {"schema": {"$ref": f"#/components/schemas/{ANALYSIS}"}}
    return {"description": "What was read.", "content": content}


def analysis_schemas() -> dict[str, Any]:
    """The schema of an analysis, with what it refers to, as components of OpenAPI."""
    file = files("emoscope.export") / "schema" / "emoscope-1.json"
    # The same JSON Schema that OpenAPI 3.1 speaks; only what is shared lies elsewhere there.
    text = file.read_text(encoding="utf-8").replace("#/$defs/", "#/components/schemas/")
    whole = json.loads(text)
    shared = whole.pop("$defs", {})
    for name in ("$schema", "$id"):
        whole.pop(name, None)
    return {**shared, ANALYSIS: whole}

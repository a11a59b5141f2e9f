"""The description: whole enough for generated clients, and the service keeps to it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402

KEY = "correct-horse-battery"
_QUIET: dict[str, Any] = {"suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def described(make_settings) -> dict[str, Any]:
    from emoscope.apps.api.app import create_app

    return create_app(make_settings()).openapi()


def test_every_operation_can_be_called_by_name(described):
    names = [
        operation["operationId"]
        for operations in described["paths"].values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names))
    assert {"analyze", "createJob", "getJob", "deleteJob", "listModels", "listLabels"} <= set(names)
    assert all(name.isidentifier() for name in names)


def test_every_reference_leads_somewhere(described):
    schemas = described["components"]["schemas"]
    text = json.dumps(described)
    for part in text.split('"$ref": "')[1:]:
        target = part.split('"')[0]
        assert target.startswith("#/components/schemas/")
        assert target.rsplit("/", 1)[1] in schemas, target
    assert "faces" in schemas["Analysis"]["properties"]


def test_operations_say_what_is_sent_and_what_comes_back(described):
    analyze = described["paths"]["/v1/analyze"]["post"]
    form = analyze["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["file"]
    assert {"fps", "min_confidence", "smooth"} <= set(form["properties"])
    answers = analyze["responses"]["200"]["content"]
    assert {"application/json", "text/csv", "text/vtt", "video/mp4"} <= set(answers)
    assert "application/problem+json" in analyze["responses"]["413"]["content"]
    assert {"fps", "format"} <= {one["name"] for one in analyze["parameters"]}
    assert described["paths"]["/v1/labels"]["get"]["security"]
    assert "security" not in described["paths"]["/livez"]["get"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_service_keeps_to_its_description(running, mode):
    contract = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    called = []
    for found in contract.get_all_operations():
        operation = found.ok()

        @settings(max_examples=25, deadline=None, database=None, derandomize=True, **_QUIET)
        @given(case=operation.as_strategy(generation_mode=mode))
        def calls(case: Any) -> None:
            # What its description allows may still be no picture, or a job that nobody created.
            case.call_and_validate(
                headers={"Authorization": f"Bearer {KEY}"},
                excluded_checks=[schemathesis.checks.positive_data_acceptance],
            )

        with contextlib.suppress(Unsatisfiable):  # nothing that could be wrong with it
            calls()
        called.append(operation.label)
    assert "POST /v1/analyze" in called
    assert len(called) >= 10

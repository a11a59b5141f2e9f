"""The shorter way to an endpoint: shorter, and otherwise the same."""

from __future__ import annotations

import pytest

from emoscope.apps.api.options import AnalyzeOptions

KEY = "correct-horse-battery"


def test_without_a_query_the_options_are_what_they_usually_are(client, png):
    plain = client.post("/v1/analyze", content=png)
    asked = client.post(f"/v1/analyze?fps={AnalyzeOptions().fps}", content=png)
    assert plain.status_code == asked.status_code == 200
    assert plain.json() == asked.json()
    assert plain.headers.items() == asked.headers.items()


@pytest.mark.parametrize("query", ["", "?fps=5"])
def test_no_way_leads_past_the_key(make_client, png, query):
    client = make_client(api_key=KEY)
    refused = client.post(f"/v1/analyze{query}", content=png)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    key = {"X-API-Key": KEY}
    assert client.post(f"/v1/analyze{query}", content=png, headers=key).status_code == 200

"""Jobs: progress, results, cancelling, forgetting."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from emoscope.apps.api.jobs import Job, Jobs


def finished(client, job_id: str) -> dict[str, Any]:
    """The job when it is over."""
    job: Job = client.app.state.jobs.find(job_id)
    assert job.future is not None
    job.future.result(timeout=60)
    return client.get(f"/v1/jobs/{job_id}").json()


def test_a_job_from_end_to_end(client, wav, uploads_left):
    created = client.post("/v1/jobs", files={"file": ("talk.wav", wav)})
    assert created.status_code == 202
    job = created.json()
    assert created.headers["location"] == f"/v1/jobs/{job['id']}"
    job = finished(client, job["id"])
    assert job["state"] == "done"
    assert job["progress"] == 1.0
    assert job["total_s"] == pytest.approx(2.0, abs=0.1)
    assert uploads_left(client) == []
    result = client.get(job["result"])
    assert result.json()["source"] == "talk.wav"
    assert result.json() == client.post("/v1/analyze", files={"file": ("talk.wav", wav)}).json()
    table = client.get(job["result"], headers={"Accept": "text/csv"})
    assert table.text.startswith("source,")
    assert client.get(job["result"], headers={"Accept": "video/mp4"}).status_code == 406
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 404


def test_annotated_media_are_kept_as_long_as_the_job(client, mp4, uploads_left):
    created = client.post("/v1/jobs", files={"file": ("a.mp4", mp4)}, data={"annotated": "true"})
    job = finished(client, created.json()["id"])
    assert [name[-14:] for name in uploads_left(client)] == [".annotated.mp4"]
    drawn = client.get(job["result"], headers={"Accept": "video/mp4"})
    assert drawn.content[4:8] == b"ftyp"
    client.delete(f"/v1/jobs/{job['id']}")
    assert uploads_left(client) == []


def test_failures_are_problems(client, uploads_left):
    created = client.post("/v1/jobs", content=b"RIFF\0\0\0\0WAVEnonsense")
    job = finished(client, created.json()["id"])
    assert job["state"] == "failed"
    assert job["problem"]["status"] == 422
    assert client.get(f"/v1/jobs/{job['id']}/result").status_code == 422
    assert uploads_left(client) == []


def test_unknown_options_are_refused_at_once(client, wav, uploads_left):
    assert client.post("/v1/jobs", content=wav, params={"anotated": True}).status_code == 422
    assert client.get("/v1/jobs/none").status_code == 404
    assert uploads_left(client) == []


def test_deleting_stops_what_runs(make_client, wav, uploads_left):
    client = make_client()
    held, go = threading.Event(), threading.Event()
    service = client.app.state.service
    whole = service.read

    def read(*given: Any, **options: Any) -> Any:
        held.set()
        assert go.wait(30)
        return whole(*given, **options)

    service.read = read
    job_id = client.post("/v1/jobs", content=wav).json()["id"]
    waiting_id = client.post("/v1/jobs", content=wav).json()["id"]
    assert held.wait(30)
    assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "running"
    assert client.get(f"/v1/jobs/{waiting_id}").json()["state"] == "waiting"
    assert client.get(f"/v1/jobs/{job_id}/result").status_code == 409
    job = client.app.state.jobs.find(job_id)
    assert client.delete(f"/v1/jobs/{waiting_id}").status_code == 204
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    go.set()
    assert job.future is not None
    job.future.result(timeout=60)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem.kind == "cancelled"
    assert len(client.app.state.jobs) == 0
    assert uploads_left(client) == []


def test_there_is_an_end_to_what_is_remembered(make_client, wav):
    client = make_client(jobs_kept=2)
    first = client.post("/v1/jobs", content=wav).json()["id"]
    client.post("/v1/jobs", content=wav)
    refused = client.post("/v1/jobs", content=wav)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["limit"] == 2
    finished(client, first)
    client.delete(f"/v1/jobs/{first}")
    assert client.post("/v1/jobs", content=wav).status_code == 202


def test_old_jobs_are_forgotten(make_client, wav):
    client = make_client(job_kept_s=10.0)
    now = 0.0
    client.app.state.jobs = jobs = Jobs(client.app.state.service, clock=lambda: now)
    job_id = client.post("/v1/jobs", content=wav).json()["id"]
    finished(client, job_id)
    now = 9.0
    assert client.get(f"/v1/jobs/{job_id}").status_code == 200
    now = 11.0
    jobs.forget_old()
    assert len(jobs) == 0

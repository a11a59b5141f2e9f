"""``emoscope demo``: the main job on what ships, without a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2


def test_the_demo_reads_faces_and_voice_and_writes_what_it_says(
    run: Callable, tmp_path: Path
) -> None:
    ran = run("demo", "--out", tmp_path / "demo")
    assert ran.status == 0
    assert ran.err == ""
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "clip.annotated.mp4", "clip.csv", "clip.json",
        "faces.annotated.png", "faces.csv", "faces.json",
        "speech.csv", "speech.json", "speech.timeline.png",
    ]  # fmt: skip
    documents = {
        name: json.loads((tmp_path / "demo" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("faces", "speech", "clip")
    }
    assert len(documents["faces"]["faces"]) == 7
    assert documents["speech"]["summary"]["voice"]["state"] == "found"
    assert documents["clip"]["faces"]
    assert documents["clip"]["voice"]
    picture = cv2.imread(str(tmp_path / "demo" / "faces.annotated.png"))
    assert picture is not None
    assert "emoscope analyze" in ran.out

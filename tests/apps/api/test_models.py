"""Models that all requests share."""

from __future__ import annotations

from typing import Any

from emoscope.apps.api import models
from emoscope.apps.api.models import Shelf
from emoscope.apps.api.options import AnalyzeOptions


def test_the_detector_takes_no_more_threads_than_the_service_gives(make_settings, monkeypatch):
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(models, "load_detector", lambda *given: asked.append(given))
    shelf = Shelf(make_settings(threads=3))
    for _ in range(2):
        assert shelf.analyzer(AnalyzeOptions()).detector is None
    assert asked == [("haar", 3)]

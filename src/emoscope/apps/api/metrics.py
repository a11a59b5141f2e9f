"""What the service counts, for Prometheus. No names of files, no addresses, no keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_1_0_0
Stage = Literal["upload", "queue", "decode", "read", "write"]
Gauges = dict[str, Callable[[], float]]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """The counts of one service.

    Args:
        gauges: name to a function that gives the present value.
        models: gives role to ``name@version`` of what is loaded.
    """

    def __init__(self, gauges: Gauges, models: Callable[[], dict[str, str]]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "emoscope_requests",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self.request_seconds = Histogram(
            "emoscope_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stage_seconds = Histogram(
            "emoscope_stage_seconds",
            "Per analysis: receiving the upload, waiting in line, waiting for the decoder, reading "
            "with the models, writing the answer.",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.media = Counter(
            "emoscope_media",
            "Media that were given, by kind and by what became of them.",
            ["kind", "outcome"],
            registry=self._registry,
        )
        self.media_seconds = Counter(
            "emoscope_media_seconds", "Length of the media that were read.", registry=self._registry
        )
        for name, give in gauges.items():
            gauge = Gauge(f"emoscope_{name}", _GAUGES[name], registry=self._registry)
            gauge.set_function(give)
        self._registry.register(_Models(models))
        ProcessCollector(registry=self._registry)

    def stage(self, stage: Stage, seconds: float) -> None:
        """Note how long one stage of one analysis took."""
        self._stage_seconds.labels(stage).observe(max(seconds, 0.0))

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Note how long what is inside takes."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.stage(stage, perf_counter() - begun)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


_GAUGES = {
    "queue_waiting": "Analyses in line.",
    "queue_running": "Analyses that are being done.",
    "jobs": "Jobs that are remembered, running or done.",
    "jobs_running": "Jobs that are being done.",
    "uploads": "Bodies that are being received.",
    "decoder_restarts": "Decoding processes that were lost and replaced.",
    "ready": "1 when the models are loaded and requests are taken.",
}


class _Models(Collector):
    """One line per model that is loaded."""

    def __init__(self, models: Callable[[], dict[str, str]]) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "emoscope_model_info", "Models that are loaded.", labels=["role", "model"]
        )
        for role, names in self._models().items():
            for name in names.split(", "):
                family.add_metric([role, name], 1)
        yield family

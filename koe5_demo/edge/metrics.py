"""Counts and latencies as Prometheus text, taken from the log's own request records. Off unless asked for."""

from __future__ import annotations

import logging
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from koe5_demo.edge.requests_log import FIELD, REQUESTS, RequestRecord

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0, 600.0)


class Metrics(logging.Handler):
    """A log handler that counts requests instead of writing them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._registry = CollectorRegistry()
        names = ("endpoint", "outcome")
        self._requests = Counter("koe5_requests", "Requests by endpoint and outcome.", names, registry=self._registry)
        self._seconds = Histogram(
            "koe5_request_seconds", "Wall time of a request.", ("endpoint",), buckets=SECONDS, registry=self._registry
        )
        self._texts = Counter("koe5_texts", "Texts in requests.", ("endpoint",), registry=self._registry)
        ProcessCollector(registry=self._registry)

    @property
    def content_type(self) -> str:
        """Return the media type of `text`."""
        return CONTENT_TYPE_LATEST

    def attach(self) -> Metrics:
        """Begin to count."""
        logging.getLogger(REQUESTS).addHandler(self)
        return self

    def emit(self, record: logging.LogRecord) -> None:
        """Count one request."""
        told = getattr(record, FIELD, None)
        if isinstance(told, RequestRecord):
            self._requests.labels(told.endpoint, told.outcome).inc()
            self._seconds.labels(told.endpoint).observe(told.milliseconds / 1_000)
            self._texts.labels(told.endpoint).inc(told.n_texts)

    def text(self) -> bytes:
        """Return everything counted so far in Prometheus' text format."""
        return generate_latest(self._registry)

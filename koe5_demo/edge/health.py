"""What operators ask a running page: is it well, and what does it count."""

from __future__ import annotations

import logging
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from koe5_demo.edge.logs import FIELD, REQUESTS, RequestRecord
from koe5_demo.edge.visitors import is_private_peer
from koe5_demo.encoding.host import ModelHost
from koe5_demo.version import __version__

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0, 600.0)


class Metrics(logging.Handler):
    """Counts and latencies as Prometheus text: a log handler that counts requests instead of writing them."""

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


class Health:
    """The answers of /healthz and /metrics.

    Args:
        host: Which model serves.
        metrics: What is counted; None where the operator did not ask for it.
    """

    def __init__(self, host: ModelHost, metrics: Metrics | None = None) -> None:
        self._host = host
        self._metrics = metrics

    async def healthz(self, _: Request) -> Response:
        """Tell whether a model answers, which, and where it runs; 503 while none does."""
        state = self.state()
        return JSONResponse(state, 200 if state["ready"] else 503)

    async def metrics(self, request: Request) -> Response:
        """Tell counts as Prometheus text, to the machine itself and its private network only."""
        if self._metrics is None or not is_private_peer(request.scope):
            return PlainTextResponse("", 404)
        return Response(self._metrics.text(), media_type=CONTENT_TYPE_LATEST)

    def state(self) -> dict[str, Any]:
        """Return {"ready", "serving", "wanted", "wanted_phase", "engine", "dtype", "device", "version"}."""
        host = self._host
        known: dict[str, Any] = {
            "serving": host.serving,
            "wanted": host.wanted,
            "wanted_phase": host.state(host.wanted).phase.value,
            "version": __version__,
        }
        encoder = host.ready_encoder(host.serving)
        if encoder is None:
            error = host.state(host.serving).error
            return {"ready": False, **known, "error": "model_not_ready" if error is None else error.key}
        info = encoder.info
        return {"ready": True, **known, "engine": info.engine, "dtype": info.dtype, "device": info.device}

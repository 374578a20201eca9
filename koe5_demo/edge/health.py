"""What operators ask a running page: is it well, and what does it count."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from koe5_demo import __version__
from koe5_demo.edge.metrics import Metrics
from koe5_demo.edge.visitors import is_private_peer
from koe5_demo.encoding.host import ModelHost


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
        return Response(self._metrics.text(), media_type=self._metrics.content_type)

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

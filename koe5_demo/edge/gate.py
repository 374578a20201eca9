"""The first thing a request meets: which paths exist for strangers, how much they may send, and how often.

Knows gradio's routes by name, because it opens only those that the page, the endpoints and MCP need: recordings, vibe
editing, proxies to other servers, run history and monitoring stay shut whatever gradio makes of them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from koe5_demo.edge.rate import TokenBuckets
from koe5_demo.edge.requests_log import log_bug
from koe5_demo.edge.uploads import UploadCheck, size_of
from koe5_demo.edge.visitors import header, is_this_machine, language_of, visitor_key
from koe5_demo.errors import DemoError, InputError
from koe5_demo.words import Language

logger = logging.getLogger(__name__)

API: Final = "/gradio_api"
OPEN: Final = frozenset(
    [
        *("/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json", "/pwa_icon"),
        *("/healthz", "/metrics"),
        *(f"{API}/{name}" for name in ("info", "openapi.json", "startup-events", "theme.css", "app_id", "login_check")),
        *(f"{API}/{name}" for name in ("queue/join", "queue/data", "queue/status", "cancel", "reset", "upload")),
        *(f"{API}/{name}" for name in ("upload_progress", "mcp", "mcp/http", "mcp/schema", "run/predict")),
    ]
)
OPEN_BELOW: Final = (
    *("/static/", "/assets/", "/svelte/"),
    *(f"{API}/{name}" for name in ("heartbeat/", "file=", "mcp/")),
)
FILES: Final = f"{API}/file="
UPLOAD: Final = f"{API}/upload"
JOIN: Final = f"{API}/queue/join"
CALL: Final = f"{API}/call/"
MODEL_WORK: Final = (JOIN, CALL, UPLOAD, f"{API}/mcp")
QUICK_WORK: Final = f"{API}/run/"
CALLED: Final = (CALL, JOIN, QUICK_WORK)
QUICK_SHARE: Final = 10
DEFAULT_RATE: Final = 60
NOT_UNDERSTOOD: Final = 400
FAILED: Final = 500
QUEUE_IS_FULL: Final = 503
TOO_MANY: Final = 429
TOO_LARGE: Final = 413
NOT_FOUND: Final = 404
FULL_WAIT_S: Final = 10
SHOWN_REASON: Final = 300
DRAINED_BYTES: Final = 100_000_000
"""Of a refused body: read and dropped, because a client that is still sending would see a cut line and no answer."""


@dataclass(frozen=True)
class GateRules:
    """What the gate goes by.

    Attributes:
        per_minute: Model requests that a visitor may make a minute; 0 means any number.
        spares_this_machine: Whether requests that come straight from this machine are not counted.
        behind_proxy: Whether `X-Forwarded-For` is to be believed.
        language: Of messages to who tells no other.
        body_bytes: Largest request body.
        kinds: Endings of files that may be uploaded.
        uploads: Folder of uploads.
        uploads_bytes: How much it may hold.
        readable: Folders whose files anyone may read, `uploads` among them.
        endpoints: Names that programs may call; the page's own events have names too, and are no endpoints.
    """

    per_minute: int
    spares_this_machine: bool
    behind_proxy: bool
    language: Language
    body_bytes: int
    kinds: tuple[str, ...]
    uploads: Path
    uploads_bytes: int
    readable: tuple[Path, ...]
    endpoints: tuple[str, ...]


class Gate:
    """ASGI middleware that lets through what the rules allow, and refuses the rest in the visitor's language."""

    def __init__(self, app: ASGIApp, rules: GateRules) -> None:
        self._app = app
        self._rules = rules
        limit = rules.per_minute
        self._model_work = TokenBuckets(limit) if limit else None
        self._quick_work = TokenBuckets(limit * QUICK_SHARE) if limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        language = language_of(scope, self._rules.language)
        try:
            self._require_open(scope["path"])
            self._require_tokens(scope)
            body = self._body(scope, receive)
        except _Refusal as refusal:
            await _drain(receive, DRAINED_BYTES)
            await refusal.answer(language)(scope, receive, send)
            return
        answer = _Answer(send, scope["path"], language)
        try:
            await self._app(scope, body.receive, answer.send)
        except _Refusal as refusal:
            if answer.started:
                raise
            if body.goes_on:
                await _drain(receive, DRAINED_BYTES)
            await refusal.answer(language)(scope, receive, send)
        except ClientDisconnect:
            logger.info("left in mid-request")
        except Exception as error:  # noqa: BLE001 told here, because the server would log its words, a visitor's maybe
            failed = _failed(scope["path"], error)
            if answer.started:
                raise ConnectionError("broken off") from None
            await failed.answer(language)(scope, receive, send)

    def _require_open(self, path: str) -> None:
        if path.startswith(FILES):
            if not self._is_readable(path.removeprefix(FILES)):
                raise _Refusal(NOT_FOUND, DemoError("path_closed"))
        elif path.startswith(CALL):
            if not self._is_endpoint(path.removeprefix(CALL)):
                raise _Refusal(NOT_FOUND, DemoError("path_closed"))
        elif path.rstrip("/") not in OPEN and path != "/" and not path.startswith(OPEN_BELOW):
            raise _Refusal(NOT_FOUND, DemoError("path_closed"))

    def _is_endpoint(self, called: str) -> bool:
        """Return whether NAME, NAME/EVENT or v2/NAME is a call of an endpoint."""
        name, *rest = called.removeprefix("v2/").rstrip("/").split("/")
        return name in self._rules.endpoints and len(rest) <= 1

    def _is_readable(self, name: str) -> bool:
        try:
            path = Path(name).resolve()
            return path.is_file() and any(path.is_relative_to(folder.resolve()) for folder in self._rules.readable)
        except (OSError, ValueError):  # a name that no file can have
            return False

    def _require_tokens(self, scope: Scope) -> None:
        if scope["method"] != "POST" or (self._rules.spares_this_machine and is_this_machine(scope)):
            return
        path = scope["path"]
        buckets = self._model_work if path.startswith(MODEL_WORK) else self._quick_work
        if buckets is None or not path.startswith((*MODEL_WORK, QUICK_WORK)):
            return
        wait = buckets.take(visitor_key(scope, behind_proxy=self._rules.behind_proxy))
        if wait:
            raise _Refusal(TOO_MANY, DemoError("too_many_requests", seconds=max(1, round(wait))), retry_after_s=wait)

    def _body(self, scope: Scope, receive: Receive) -> _Body:
        rules = self._rules
        length = header(scope, b"content-length")
        if length.isdecimal() and int(length) > rules.body_bytes:
            raise _too_large(rules.body_bytes)
        check = None
        if scope["path"] == UPLOAD and scope["method"] == "POST":
            if size_of(rules.uploads) > rules.uploads_bytes:
                raise _Refusal(QUEUE_IS_FULL, DemoError("uploads_full"), retry_after_s=60)
            try:
                check = UploadCheck(header(scope, b"content-type"), rules.kinds)
            except InputError as error:
                raise _Refusal(TOO_LARGE, error) from error
        return _Body(receive, rules.body_bytes, check)


class _Refusal(Exception):  # noqa: N818 not an error of ours
    """A request that goes no further."""

    def __init__(self, status: int, error: DemoError, *, retry_after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.retry_after_s = retry_after_s

    def answer(self, language: Language) -> JSONResponse:
        logger.info("refused: %s", self.error.key)
        return _answer(self.status, self.error, language, self.retry_after_s)


class _Body:
    """A request's body, counted and looked at as it comes in."""

    def __init__(self, receive: Receive, most: int, check: UploadCheck | None) -> None:
        self._receive = receive
        self._most = most
        self._check = check
        self._n_bytes = 0
        self.goes_on = True

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        chunk = message.get("body", b"")
        self.goes_on = bool(message.get("more_body"))
        self._n_bytes += len(chunk)
        if self._n_bytes > self._most:
            raise _too_large(self._most)
        if self._check is not None and chunk:
            try:
                self._check.feed(chunk)
            except InputError as error:
                raise _Refusal(TOO_LARGE, error) from error
        return message


class _Answer:
    """A response on its way out: gradio's word for a full queue becomes ours, in the visitor's language."""

    def __init__(self, send: Send, path: str, language: Language) -> None:
        self._send = send
        self._may_be_full = path.rstrip("/") == JOIN or path.startswith(CALL)
        self._language = language
        self._replaced = False
        self.started = False

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            self.started = True
            if self._may_be_full and message["status"] == QUEUE_IS_FULL:
                self._replaced = True
                await self._send_full()
                return
        await self._send(message)

    async def _send_full(self) -> None:
        # 429, because gradio's page shows its own English sentence for every 503.
        response = _answer(TOO_MANY, DemoError("queue_full"), self._language, FULL_WAIT_S)
        logger.info("refused: queue_full")
        await self._send({"type": "http.response.start", "status": TOO_MANY, "headers": response.raw_headers})
        await self._send({"type": "http.response.body", "body": response.body})


def _failed(path: str, error: Exception) -> _Refusal:
    """Return what is told of an error that nobody caught: gradio checks the arguments of a call by raising some."""
    if path.startswith(CALLED) and isinstance(error, (TypeError, ValueError, KeyError)):
        return _Refusal(NOT_UNDERSTOOD, DemoError("call_not_understood", reason=str(error)[:SHOWN_REASON]))
    if path == UPLOAD and isinstance(error, OSError):
        return _Refusal(QUEUE_IS_FULL, DemoError("uploads_full"), retry_after_s=60)
    return _Refusal(FAILED, DemoError("request_failed", id=log_bug(error)))


async def _drain(receive: Receive, most: int) -> None:
    n_bytes = 0
    while n_bytes < most:
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


def _too_large(most: int) -> _Refusal:
    return _Refusal(TOO_LARGE, InputError("request_too_large", limit=most / 1e6))


def _answer(status: int, error: DemoError, language: Language, retry_after_s: float) -> JSONResponse:
    headers = {"Retry-After": str(max(1, round(retry_after_s)))} if retry_after_s else {}
    return JSONResponse({"detail": error.text(language)}, status, headers)

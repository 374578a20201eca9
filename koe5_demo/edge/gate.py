"""The first thing a request meets: which paths exist for strangers, how much they may send, and how often.

Knows gradio's routes by name, because it opens only those that the page, the endpoints and MCP need: recordings, vibe
editing, proxies to other servers, run history and monitoring stay shut whatever gradio makes of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from koe5_demo.edge.bodies import BodyBounds, UploadCheck, require_modest, size_of
from koe5_demo.edge.connections import Connections
from koe5_demo.edge.logs import log_bug
from koe5_demo.edge.shares import Place, Room, TokenBuckets
from koe5_demo.edge.visitors import header, is_this_machine, language_of, visitor_key
from koe5_demo.errors import DemoError, InputError
from koe5_demo.words import Language

logger = logging.getLogger(__name__)

API: Final = "/gradio_api"
MCP: Final = f"{API}/mcp"
OPEN: Final = frozenset(
    [
        *("/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json", "/pwa_icon"),
        *("/healthz", "/metrics", MCP),
        *(f"{API}/{name}" for name in ("info", "openapi.json", "startup-events", "theme.css", "app_id", "login_check")),
        *(f"{API}/{name}" for name in ("queue/join", "queue/data", "queue/status", "cancel", "reset", "upload")),
        *(f"{API}/{name}" for name in ("upload_progress", "run/predict")),
    ]
)
OPEN_BELOW: Final = ("/static/", "/assets/", "/svelte/", f"{API}/heartbeat/", f"{API}/file=")
FILES: Final = f"{API}/file="
UPLOAD: Final = f"{API}/upload"
JOIN: Final = f"{API}/queue/join"
CALL: Final = f"{API}/call/"
QUICK_WORK: Final = f"{API}/run/"
MODEL_WORK: Final = (JOIN, CALL, UPLOAD)
CALLED: Final = (CALL, JOIN, QUICK_WORK, MCP)
MCP_CALL: Final = b'"tools/call"'
QUICK_SHARE: Final = 10
DEFAULT_RATE: Final = 60
NOT_UNDERSTOOD: Final = 400
FAILED: Final = 500
QUEUE_IS_FULL: Final = 503
TOO_MANY: Final = 429
TOO_LARGE: Final = 413
TOO_SLOW: Final = 408
NOT_FOUND: Final = 404
FULL_WAIT_S: Final = 10
UPLOAD_WAIT_S: Final = 60
SHOWN_REASON: Final = 300
LENGTH_DIGITS: Final = 15
UPLOADS_FULL: Final = (QUEUE_IS_FULL, DemoError("uploads_full"))
OWN_UPLOADS_FULL: Final = (TOO_MANY, DemoError("uploads_own_share"))
TOO_MANY_OPEN: Final = (TOO_MANY, DemoError("too_many_open"))
TOO_BUSY: Final = (TOO_MANY, DemoError("too_busy"))
DRAINED_BYTES: Final = 100_000_000
"""Of a refused body: read and dropped, because a client that is still sending would see a cut line and no answer."""
DRAINED_S: Final = 10.0
SILENT_BODY_S: Final = 20.0
"""How long a client that has begun to send a body may send nothing of it."""
OPEN_REQUESTS: Final = 10_000
OPEN_OF_A_VISITOR: Final = 150
"""Requests of one visitor under way; an open page has two, a team behind one address many."""
BODIES_BYTES: Final = 200_000_000
"""Of all bodies that are being received or wait for their turn."""
LARGE_BODY: Final = 100_000
LARGE_AT_ONCE: Final = 2
"""Of the page's quick events, which no queue bounds, those that carry much text; small ones never wait."""


@dataclass(frozen=True)
class GateRules:
    """What the gate goes by.

    Attributes:
        per_minute: Model requests that a visitor may make a minute; 0 means any number.
        spares_this_machine: Whether requests that come straight from this machine are not counted a minute.
        behind_proxy: How many proxies' entries of `X-Forwarded-For` are to be believed.
        language: Of messages to who tells no other.
        body: How much the body of a call may hold.
        upload_bytes: Largest body of an upload.
        kinds: Endings of files that may be uploaded.
        uploads: Folder of uploads.
        uploads_bytes: How much it may hold; a quarter of it from one visitor.
        uploads_kept_s: How long an upload is kept.
        readable: Folders whose files anyone may read, `uploads` among them.
        endpoints: Names that programs may call; the page's own events have names too, and are no endpoints.
    """

    per_minute: int
    spares_this_machine: bool
    behind_proxy: int
    language: Language
    body: BodyBounds
    upload_bytes: int
    kinds: tuple[str, ...]
    uploads: Path
    uploads_bytes: int
    uploads_kept_s: float
    readable: tuple[Path, ...]
    endpoints: tuple[str, ...]


class Gate:
    """ASGI middleware that lets through what the rules allow, and refuses the rest in the visitor's language.

    Args:
        app: What answers.
        rules: What it goes by.
        connections: Told on which connections requests are under way.
    """

    def __init__(self, app: ASGIApp, rules: GateRules, connections: Connections | None = None) -> None:
        self._app = app
        self._rules = rules
        self._connections = Connections() if connections is None else connections  # an empty one is false
        limit = rules.per_minute
        self._model_work = TokenBuckets(limit) if limit else None
        self._quick_work = TokenBuckets(limit * QUICK_SHARE) if limit else None
        self._open = Room(OPEN_REQUESTS, OPEN_OF_A_VISITOR)
        self._bodies = Room(BODIES_BYTES, BODIES_BYTES // 4)
        self._uploads = Room(rules.uploads_bytes, rules.uploads_bytes // 4, kept_s=rules.uploads_kept_s)
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client, visitor = scope.get("client"), visitor_key(scope, behind_proxy=self._rules.behind_proxy)
        if client:
            self._connections.work((str(client[0]), int(client[1])))
        try:
            await self._answer(scope, receive, send, visitor)
        finally:
            if client:
                self._connections.rest((str(client[0]), int(client[1])))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, visitor: str) -> None:
        language = language_of(scope, self._rules.language)
        answer = _Answer(send, scope["path"], language)
        body = _Body(receive)
        try:
            with _taken(self._open, visitor, 1, TOO_MANY_OPEN, TOO_MANY_OPEN):
                self._require_open(scope["path"])
                self._require_tokens(scope, visitor)
                async with self._admitted(scope, body, visitor):
                    await self._app(scope, body.receive, answer.send)
        except _Refusal as refusal:
            if answer.started:
                raise ConnectionError("broken off") from None
            await body.drain()
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

    def _require_tokens(self, scope: Scope, visitor: str, *, is_tool_call: bool = False) -> None:
        path = scope["path"]
        if scope["method"] != "POST" or (self._rules.spares_this_machine and is_this_machine(scope)):
            return
        buckets = self._model_work if path.startswith(MODEL_WORK) or is_tool_call else self._quick_work
        if buckets is None or not path.startswith((*MODEL_WORK, QUICK_WORK, MCP)):
            return
        wait = buckets.take(visitor)
        if wait:
            raise _Refusal(TOO_MANY, DemoError("too_many_requests", seconds=max(1, round(wait))), retry_after_s=wait)

    @asynccontextmanager
    async def _admitted(self, scope: Scope, body: _Body, visitor: str) -> AsyncIterator[None]:
        """Look at what a request brings before anything reads it, and hold what it takes of what all share."""
        path, is_post = scope["path"], scope["method"] == "POST"
        if is_post and path.rstrip("/") == UPLOAD:
            with self._uploading(scope, body, visitor):
                yield
        elif is_post and path.startswith(CALLED):
            with _taken(self._bodies, visitor, body.expect(scope, self._rules.body.n_bytes), TOO_BUSY, TOO_BUSY):
                whole = await body.read_whole()
                try:
                    require_modest(whole, self._rules.body)
                except InputError as error:
                    raise _Refusal(TOO_LARGE, error) from error
                if path.startswith(MCP) and MCP_CALL in whole:
                    self._require_tokens(scope, visitor, is_tool_call=True)
                if path.startswith(QUICK_WORK) and len(whole) > LARGE_BODY:
                    async with self._large:
                        yield
                else:
                    yield
        else:
            body.expect(scope, self._rules.body.n_bytes)
            yield

    @contextmanager
    def _uploading(self, scope: Scope, body: _Body, visitor: str) -> Iterator[None]:
        if size_of(self._rules.uploads) > self._rules.uploads_bytes:
            raise _Refusal(*UPLOADS_FULL, retry_after_s=UPLOAD_WAIT_S)
        n_bytes = body.expect(scope, self._rules.upload_bytes)
        try:
            body.check = UploadCheck(header(scope, b"content-type"), self._rules.kinds)
        except InputError as error:
            raise _Refusal(TOO_LARGE, error) from error
        with _taken(self._uploads, visitor, n_bytes, UPLOADS_FULL, OWN_UPLOADS_FULL) as keep:
            yield
            keep()


@contextmanager
def _taken(
    room: Room, visitor: str, amount: int, full: tuple[int, DemoError], own_full: tuple[int, DemoError]
) -> Iterator[Callable[[], None]]:
    """Hold a part of a room for a block of code, and beyond it if the block calls what it gets."""
    place = room.take(visitor, amount)
    if place is not Place.TAKEN:
        raise _Refusal(*(full if place is Place.ROOM_FULL else own_full), retry_after_s=UPLOAD_WAIT_S)
    kept: list[bool] = []
    try:
        yield lambda: kept.append(True)
    finally:
        if not kept:
            room.give_back(visitor, amount)


class _Refusal(Exception):  # noqa: N818 not an error of ours
    """A request that goes no further."""

    def __init__(self, status: int, error: DemoError, *, retry_after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.retry_after_s = retry_after_s

    def answer(self, language: Language) -> JSONResponse:
        logger.info("refused: %s", self.error.key)
        headers = {"Retry-After": str(max(1, round(self.retry_after_s)))} if self.retry_after_s else {}
        return JSONResponse({"detail": self.error.text(language)}, self.status, headers)


class _Body:
    """A request's body, counted and looked at as it comes in; who stops sending is not waited for."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._most = 0
        self._n_bytes = 0
        self._goes_on = True
        self._whole: bytes | None = None
        self.check: UploadCheck | None = None

    def expect(self, scope: Scope, most: int) -> int:
        """Set how many bytes may come; return how many are announced, or `most` where none are."""
        self._most = most
        length = header(scope, b"content-length")
        if not length.isdecimal():
            return most
        if len(length) > LENGTH_DIGITS or int(length) > most:
            raise _too_large(most)
        return int(length)

    async def read_whole(self) -> bytes:
        """Read the body to its end; `receive` then gives it once more."""
        chunks = []
        while self._goes_on:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
        whole = b"".join(chunks)
        self._whole = whole
        return whole

    async def receive(self) -> Message:
        """Receive as ASGI does."""
        if self._whole is not None:
            whole, self._whole = self._whole, None
            return {"type": "http.request", "body": whole, "more_body": False}
        if not self._goes_on:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), SILENT_BODY_S)
        except asyncio.TimeoutError:
            self._goes_on = False
            raise _Refusal(TOO_SLOW, DemoError("too_slow")) from None
        self._goes_on = message["type"] == "http.request" and bool(message.get("more_body"))
        chunk = message.get("body", b"")
        self._n_bytes += len(chunk)
        if self._n_bytes > self._most:
            raise _too_large(self._most)
        if self.check is not None and chunk:
            try:
                self.check.feed(chunk)
            except InputError as error:
                raise _Refusal(TOO_LARGE, error) from error
        return message

    async def drain(self) -> None:
        """Read the rest and drop it, for a while."""

        async def read() -> None:
            n_bytes = 0
            while self._goes_on and n_bytes < DRAINED_BYTES:
                message = await self._receive()
                n_bytes += len(message.get("body", b""))
                self._goes_on = message["type"] == "http.request" and bool(message.get("more_body"))

        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(read(), DRAINED_S)


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
                # 429, because gradio's page shows its own English sentence for every 503.
                response = _Refusal(TOO_MANY, DemoError("queue_full"), retry_after_s=FULL_WAIT_S).answer(self._language)
                await self._send({"type": "http.response.start", "status": TOO_MANY, "headers": response.raw_headers})
                message = {"type": "http.response.body", "body": response.body}
        await self._send(message)


def _failed(path: str, error: Exception) -> _Refusal:
    """Return what is told of an error that nobody caught: gradio checks the arguments of a call by raising some."""
    if path.startswith(CALLED) and isinstance(error, (TypeError, ValueError, KeyError)):
        return _Refusal(NOT_UNDERSTOOD, DemoError("call_not_understood", reason=str(error)[:SHOWN_REASON]))
    if path == UPLOAD and isinstance(error, OSError):
        return _Refusal(*UPLOADS_FULL, retry_after_s=UPLOAD_WAIT_S)
    return _Refusal(FAILED, DemoError("request_failed", id=log_bug(error)))


def _too_large(most: int) -> _Refusal:
    return _Refusal(TOO_LARGE, InputError("request_too_large", limit=most / 1e6))

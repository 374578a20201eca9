"""Response headers that keep what visitors type from ever running: a Content-Security-Policy and its companions.

Scripts run if this server's files hold them, or if they stand in the page that this server wrote: those are named by
their hashes. An inline script, an event attribute or a `javascript:` link that comes in with a text has no such hash.

What gradio 6 still needs and a stricter policy would forbid: `unsafe-eval`, because the page's own `js=` snippets and
`gr.HTML` templates are compiled in the browser, and inline styles.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from koe5_demo.edge.gate import FILES

SCRIPT: Final = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script", re.DOTALL | re.IGNORECASE)
FRAMES: Final = "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
PAGE_POLICY: Final = (
    "default-src 'self'",
    "script-src 'self' 'unsafe-eval' {hashes}",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' data: blob:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    FRAMES,
)
FILE_POLICY: Final = f"default-src 'none'; sandbox; {FRAMES}"
FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def inline_scripts(html: str) -> list[str]:
    """Return the code of each script that stands in a document itself."""
    found = SCRIPT.finditer(html)
    return [match["code"] for match in found if not re.search(r"\ssrc\s*=", match["attributes"], re.IGNORECASE)]


def script_hash(code: str) -> str:
    """Return how a policy names one inline script, by its text as browsers read it."""
    unified = code.replace("\r\n", "\n").replace("\r", "\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(unified.encode()).digest()).decode()}'"


def page_policy(scripts: Iterable[str]) -> str:
    """Return the policy of a page whose own inline scripts are `scripts`."""
    hashes = " ".join(dict.fromkeys(map(script_hash, scripts)))
    return "; ".join(PAGE_POLICY).format(hashes=hashes).replace(" ;", ";")


class SecurityHeaders:
    """ASGI middleware that writes the headers.

    Args:
        app: What answers.
        added_scripts: Inline scripts that the page's own code inserts later; see gradio's `head`.
    """

    def __init__(self, app: ASGIApp, added_scripts: tuple[str, ...] = ()) -> None:
        self._app = app
        self._added = added_scripts
        self._plain = page_policy(added_scripts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._added, FILE_POLICY if scope["path"].startswith(FILES) else self._plain)
        await self._app(scope, receive, answer.send)


class _Answer:
    """One response on its way out; an HTML document is held back until its scripts are known."""

    def __init__(self, send: Send, added: tuple[str, ...], policy: str) -> None:
        self._send = send
        self._added = added
        self._policy = policy
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if _is_page(message):
                self._start = message
                return
            _write(message, self._policy)
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            scripts = inline_scripts(self._body.decode("utf-8", "replace"))
            _write(self._start, page_policy((*scripts, *self._added)))
            await self._send(self._start)
            message = {**message, "body": self._body}
            self._start = None
        await self._send(message)


def _is_page(message: Message) -> bool:
    headers: Any = MutableHeaders(raw=message["headers"])
    return bool(headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers)


def _write(message: Message, policy: str) -> None:
    headers = MutableHeaders(raw=message["headers"])
    headers["Content-Security-Policy"] = policy
    for name, value in FIXED.items():
        headers[name] = value
    message["headers"] = headers.raw

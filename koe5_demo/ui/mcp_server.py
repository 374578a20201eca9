"""The endpoints as MCP tools: an own server at one address of the page's server (streamable HTTP, no sessions).

The tools call the functions of the HTTP endpoints and answer with the same JSON. Nothing of gradio's MCP is used: it
writes dictionaries as Python prints them, and its package holds pydantic below newer versions.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from typing import Any, Final

import anyio
import gradio as gr
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from koe5_demo import exports
from koe5_demo.edge.gate import MCP
from koe5_demo.errors import MissingExtraError
from koe5_demo.ui.gradio_seams import LEFT

AT_ONCE: Final = 2
LOCAL: Final = ("127.0.0.1", "localhost", "::1")


class McpServer:
    """An MCP server over functions, as an ASGI application.

    Args:
        functions: The tools by name. Their signatures and docstrings are what agents read.
        most_bytes: Largest body of a request.
        is_local: Whether only this machine may name the server: a page of some other site that got this machine's
            browser to ask (DNS rebinding) is then refused.

    Raises:
        MissingExtraError: If `mcp` is not installed.
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]], most_bytes: int, *, is_local: bool) -> None:
        try:
            from mcp.server.fastmcp import FastMCP
            from mcp.server.transport_security import TransportSecuritySettings
        except ImportError as error:
            raise MissingExtraError("missing_extra", package="mcp", extra="mcp") from error
        security = None if is_local else TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._server = FastMCP(
            "koe5",
            stateless_http=True,
            json_response=True,
            max_request_body_size=most_bytes,
            transport_security=security,
        )
        one_at_a_time, few = anyio.CapacityLimiter(1), anyio.CapacityLimiter(AT_ONCE)
        for name, function in functions.items():
            tool = _tool(function, one_at_a_time if name == "benchmark" else few)
            self._server.add_tool(tool, name, description=inspect.getdoc(function), structured_output=False)
        self._server.streamable_http_app()  # makes the session manager
        self._sessions = self._server.session_manager

    @property
    def routes(self) -> list[BaseRoute]:
        """The path of the tools, with and without a slash at its end: clients call either."""
        return [Route(MCP, self), Route(f"{MCP}/", self)]

    def lifespan(self, _: Any) -> AbstractAsyncContextManager[None]:
        """Run for as long as the application that the routes are mounted in."""
        return self._sessions.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the tools can ask whether the caller has left."""
        left = threading.Event()
        LEFT.set(left.is_set)
        async with _watched(receive, left) as heard:
            await self._sessions.handle_request(scope, heard, send)


def is_local(host: str, behind_proxy: int) -> bool:
    """Return whether a server that listens on `host` is asked under this machine's own names alone."""
    return host in LOCAL and not behind_proxy


def _tool(function: Callable[..., Any], limiter: anyio.CapacityLimiter) -> Callable[..., Any]:
    """Return a function as a tool: it runs in a thread, tells its errors in words and answers in JSON."""
    from mcp.server.fastmcp.exceptions import ToolError

    @wraps(function)
    async def tool(**arguments: Any) -> str:
        def call() -> str:
            return exports.to_json(function(**arguments))

        try:
            return await anyio.to_thread.run_sync(call, limiter=limiter)
        except gr.Error as error:
            raise ToolError(str(error.message)) from error

    tool.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return tool


@asynccontextmanager
async def _watched(receive: Receive, left: threading.Event) -> AsyncIterator[Receive]:
    """Hand a request's body on, and set `left` when the caller goes away before it is answered."""
    over = asyncio.Event()

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()
        over.set()

    listening: list[asyncio.Task[None]] = []

    async def heard() -> Message:
        if listening:
            await over.wait()
            return {"type": "http.disconnect"}
        message = await receive()
        if not message.get("more_body"):
            listening.append(asyncio.create_task(listen()))
        return message

    try:
        yield heard
    finally:
        for task in listening:
            task.cancel()

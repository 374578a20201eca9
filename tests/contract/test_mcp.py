"""The endpoints as MCP tools, called by MCP's own client over HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gradio_client import Client

from browser import run_app
from koe5_demo.errors import MissingExtraError
from koe5_demo.settings import Settings
from koe5_demo.ui.gradio_seams import has_left
from koe5_demo.ui.mcp_server import McpServer, is_local

TOOLS = {"rank", "similarity", "embed", "tokens", "models", "benchmark"}


def test_without_the_package_the_message_prints_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.fastmcp", None)
    with pytest.raises(MissingExtraError, match=r"pip install -r requirements-mcp\.txt"):
        McpServer({}, 1_000, is_local=True)
    assert Settings().mcp is False


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("mcp", reason="requirements-mcp.txt is not installed")
    with run_app(KOE5_MODEL="mini", HF_HUB_OFFLINE="1", KOE5_MCP="1", KOE5_RATE_LIMIT="30") as url:
        yield f"{url}gradio_api/mcp/"


def ask(address: str, work: Any) -> Any:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def run() -> Any:
        async with streamablehttp_client(address) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await work(session)

    return asyncio.run(run())


@pytest.mark.slow
def test_exactly_the_endpoints_are_tools(address: str) -> None:
    tools = ask(address, lambda session: session.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    assert all(tool.description and ",," not in tool.description for tool in tools)
    rank = next(tool for tool in tools if tool.name == "rank")
    options = {"windows", "compare", "bare", "explain", "calibration", "map"}
    assert set(rank.inputSchema["properties"]) == {"queries", "passages", "model", "top_k"} | options


@pytest.mark.slow
def test_a_tool_ranks_and_answers_in_json(address: str) -> None:
    arguments = {"queries": ["대한민국의 수도는?"], "passages": ["부산은 항구이다.", "서울은 대한민국의 수도이다."]}
    answer = ask(address, lambda session: session.call_tool("rank", arguments))
    assert not answer.isError
    data = json.loads(answer.content[0].text)
    assert data["model"]["id"] == "mini"
    assert [hit["index"] for hit in data["results"][0]["hits"]] == [1, 0]


@pytest.mark.slow
def test_every_other_tool_answers(address: str) -> None:
    texts = {"texts": ["서울", "부산"]}
    calls = [("similarity", texts), ("embed", texts), ("tokens", texts), ("models", {})]
    calls.append(("benchmark", {"dataset": "ours", "models": ["bm25"]}))
    for name, arguments in calls:
        answer = ask(address, lambda session, name=name, arguments=arguments: session.call_tool(name, arguments))
        assert not answer.isError, name
        assert isinstance(json.loads(answer.content[0].text), dict), name


@pytest.mark.slow
def test_a_bad_argument_is_told_in_words(address: str) -> None:
    answer = ask(address, lambda session: session.call_tool("rank", {"queries": [], "passages": ["가"]}))
    assert answer.isError
    assert "There is no query" in answer.content[0].text


def test_the_address_works_with_and_without_its_last_slash_and_answers_as_the_api_does(address: str) -> None:
    arguments = {"texts": ["서울", "부산"], "role": "passage"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "tokens", "arguments": arguments}}
    told = [post(place, call)["result"]["content"][0]["text"] for place in (address, address.rstrip("/"))]
    client = Client(address.removesuffix("gradio_api/mcp/"), verbose=False)
    assert json.loads(told[0]) == json.loads(told[1]) == client.predict(**arguments, api_name="/tokens")


def test_another_sites_page_cannot_use_this_machines_browser(address: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(address, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, Host="evil.example.org")
    assert refused.value.code == 421
    assert is_local("127.0.0.1", 0)
    assert not is_local("127.0.0.1", 1)
    assert not is_local("0.0.0.0", 0)


def post(address: str, body: dict[str, Any], **headers: str) -> Any:
    sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
    with urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), sent), timeout=60) as answer:
        return json.load(answer)


def test_a_tool_whose_caller_has_left_is_told_so() -> None:
    pytest.importorskip("mcp", reason="requirements-mcp.txt is not installed")
    begun, told = threading.Event(), []

    def rank() -> dict[str, Any]:
        """Wait until the caller has left."""
        begun.set()
        for _ in range(10_000):
            if has_left():
                break
            threading.Event().wait(0.001)
        told.append(has_left())
        return {}

    server = McpServer({"rank": rank}, 10_000, is_local=False)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "rank", "arguments": {}}}
    bodies = [{"type": "http.request", "body": json.dumps(call).encode(), "more_body": False}]

    async def receive() -> Any:
        if bodies:
            return bodies.pop()
        while not begun.is_set():
            await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        return

    headers = [(b"content-type", b"application/json"), (b"accept", b"application/json, text/event-stream")]
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/mcp", "query_string": b"", "headers": headers}

    async def run() -> None:
        async with server.lifespan(None):
            await server(scope, receive, send)

    with ThreadPoolExecutor(1) as elsewhere:  # a browser test before this one leaves a loop running in this thread
        elsewhere.submit(asyncio.run, run()).result()
    assert told == [True]
    assert not has_left()

"""The endpoints as MCP tools, called by MCP's own client over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from browser import run_app
from koe5_demo.errors import MissingExtraError
from koe5_demo.settings import Settings

TOOLS = {"rank", "similarity", "embed", "tokens", "models", "benchmark"}


def test_without_the_package_the_message_prints_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from koe5_demo.ui import mcp_answers

    monkeypatch.setitem(sys.modules, "gradio.mcp", None)
    with pytest.raises(MissingExtraError, match=r"pip install -r requirements-mcp\.txt"):
        mcp_answers.answer_in_json()
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
    assert all(tool.description for tool in tools)
    rank = next(tool for tool in tools if tool.name == "rank")
    assert set(rank.inputSchema["properties"]) == {"queries", "passages", "model", "top_k"}


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

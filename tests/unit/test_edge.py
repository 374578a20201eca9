"""The gate, its counters and headers, without a page behind them."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from koe5_demo.edge import bodies
from koe5_demo.edge.bodies import BodyBounds, require_modest
from koe5_demo.edge.connections import Connections
from koe5_demo.edge.gate import Gate, GateRules
from koe5_demo.edge.headers import SecurityHeaders, inline_scripts, page_policy, script_hash
from koe5_demo.edge.health import Metrics
from koe5_demo.edge.logs import (
    REQUESTS,
    FewOfAKind,
    JsonLines,
    TextLines,
    configure_logging,
    counts,
    frames,
    log_bug,
    told,
)
from koe5_demo.edge.shares import Place, Room, TokenBuckets
from koe5_demo.edge.visitors import language_of, visitor_key
from koe5_demo.errors import InputError
from koe5_demo.words import Language

ERRORS = {kind.__name__: kind for kind in (TypeError, ValueError, KeyError, RuntimeError, OSError)}
PAGE = "<html><head><script>first()</script><script src='a.js'></script></head><body onload='x()'></body></html>"


def scope(peer: str = "8.8.8.8", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (peer, 1), "headers": raw}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_so_many_through_and_fills_again() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, clock=clock)
    assert [buckets.take("a") for _ in range(2)] == [0.0, 0.0]
    assert buckets.take("a") == pytest.approx(30.0)  # 2 a minute is one in 30 s
    assert buckets.take("b") == 0.0
    clock.now = 30.0
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0


def test_buckets_of_many_visitors_stay_within_bounds() -> None:
    buckets = TokenBuckets(1, most_visitors=10)
    for n in range(1_000):
        buckets.take(str(n))
    assert len(buckets) == 10


@pytest.mark.parametrize(
    ("peer", "forwarded", "behind", "key"),
    [
        ("8.8.8.8", "9.9.9.9", False, "8.8.8.8"),  # invented by the visitor
        ("127.0.0.1", "9.9.9.9", True, "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6, 9.9.9.9", True, "9.9.9.9"),  # the first may be invented
        ("10.0.0.1", "6.6.6.6, 10.0.0.7", True, "10.0.0.7"),  # also where the last one is private
        ("10.0.0.1", "6.6.6.6, 9.9.9.9, 10.0.0.7", 2, "9.9.9.9"),  # two proxies: each adds who it saw
        ("10.0.0.1", "9.9.9.9", 2, "10.0.0.1"),  # it came round the first of them
        ("10.0.0.1", "6.6.6.6, 9.9.9.9:4711", True, "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6, [2a00:1:2:3:4::1]:4711", True, "2a00:1:2:3::/64"),
        ("10.0.0.1", "6.6.6.6, [2a00:1:2:3:4::1]", True, "2a00:1:2:3::/64"),
        ("10.0.0.1", "6.6.6.6, ::ffff:9.9.9.9", True, "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6, b", True, "10.0.0.1"),  # unreadable: nobody's word
        ("10.0.0.1", "6.6.6.6, b:4711", True, "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 9.9.9.9,", True, "10.0.0.1"),
        ("8.8.8.8", "nonsense", True, "8.8.8.8"),
        ("127.0.0.1", "192.168.0.9", True, "192.168.0.9"),  # a team behind its own proxy
        ("2a00:1:2:3:4::1", "", False, "2a00:1:2:3::/64"),
        ("::ffff:8.8.8.8", "", False, "8.8.8.8"),
        ("testclient", "", False, "unknown"),
    ],
)
def test_visitors_are_told_apart(peer: str, forwarded: str, behind: int, key: str) -> None:
    assert visitor_key(scope(peer, x_forwarded_for=forwarded), behind_proxy=behind) == key


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "ko"),
        ({"accept_language": "en-US,en;q=0.9"}, "en"),
        ({"accept_language": "fr,ko;q=0.5,en;q=0.4"}, "ko"),
        ({"cookie": "a=b; koe5-language=en", "accept_language": "ko"}, "en"),
        ({"cookie": "koe5-language=<script>"}, "ko"),
    ],
)
def test_the_language_of_an_answer(headers: dict[str, str], language: str) -> None:
    assert language_of(scope(**headers), Language.KO) is Language(language)


def test_a_policy_names_the_pages_own_scripts_and_no_others() -> None:
    assert inline_scripts(PAGE) == ["first()"]
    policy = page_policy(inline_scripts(PAGE))
    # printf 'first()' | openssl dgst -sha256 -binary | base64
    assert script_hash("a\r\nb") == script_hash("a\nb")
    assert script_hash("first()") in policy
    script_rule = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert "unsafe-inline" not in script_rule
    assert "https:" not in script_rule
    assert "frame-ancestors 'self' https://huggingface.co" in policy


def rules_of(folder: Path, **changes: Any) -> GateRules:
    rules: dict[str, Any] = {
        "per_minute": 3,
        "spares_this_machine": False,
        "behind_proxy": 0,
        "language": Language.KO,
        "body": BodyBounds(n_bytes=1_000, n_chars=1_000, n_texts=20),
        "upload_bytes": 1_000,
        "kinds": ("csv", "txt"),
        "uploads": folder,
        "uploads_bytes": 10_000,
        "uploads_kept_s": 60.0,
        "readable": (folder,),
        "endpoints": ("rank",),
    }
    return GateRules(**{**rules, **changes})


@pytest.fixture
def served(tmp_path: Path) -> Callable[..., TestClient]:
    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def echo(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def full(_: Request) -> Response:
        return PlainTextResponse("Queue is full", 503)

    async def fail(request: Request) -> Response:
        raise ERRORS[(await request.body()).decode()]("비밀의 글")

    async def fail_late(_: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            yield "one"
            raise ValueError("비밀의 글")

        return StreamingResponse(lines())

    def serve(**changes: Any) -> TestClient:
        routes = [
            Route("/", page),
            Route("/secret", page),
            Route("/gradio_api/queue/join", full, methods=["POST"]),
            Route("/gradio_api/upload", echo, methods=["POST"]),
            Route("/gradio_api/call/rank", echo, methods=["POST"]),
            Route("/gradio_api/call/v2/rank", fail, methods=["POST"]),
            Route("/gradio_api/run/predict", fail, methods=["POST"]),
            Route("/gradio_api/queue/data", fail_late),
            Route("/gradio_api/call/{rest:path}", page, methods=["GET", "POST"]),
            Route("/gradio_api/file={path:path}", page),
        ]
        guard = [Middleware(SecurityHeaders), Middleware(Gate, rules=rules_of(tmp_path, **changes))]
        return TestClient(Starlette(routes=routes, middleware=guard), client=("8.8.8.8", 1))  # raises what gets out

    return serve


def test_headers_stand_on_pages_and_on_refusals(served: Callable[..., TestClient]) -> None:
    client = served()
    page, refused = client.get("/"), client.get("/secret")
    assert (page.status_code, refused.status_code) == (200, 404)
    assert page.text == PAGE
    assert script_hash("first()") in page.headers["content-security-policy"]
    for answer in (page, refused):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors" in answer.headers["content-security-policy"]


def test_files_are_read_from_the_open_folders_alone(served: Callable[..., TestClient], tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("x")
    outside = tmp_path.parent / "out.txt"
    outside.write_text("x")
    (tmp_path / "link").symlink_to(outside)
    client = served()
    assert client.get(f"/gradio_api/file={tmp_path}/in.txt").status_code == 200
    for name in (
        outside,
        tmp_path / "link",
        tmp_path,
        "/etc/passwd",
        f"{tmp_path}/../out.txt",
        "http://a/b",
        "\0",
        "a" * 9_000,
    ):
        assert client.get(f"/gradio_api/file={name}".replace("\0", "%00")).status_code == 404


def test_the_fourth_request_of_a_minute_is_refused_in_the_visitors_language(served: Callable[..., TestClient]) -> None:
    client = served()
    assert [client.post("/gradio_api/call/rank").status_code for _ in range(3)] == [200] * 3
    korean = client.post("/gradio_api/call/rank")
    english = client.post("/gradio_api/call/rank", headers={"Accept-Language": "en"})
    assert korean.status_code == english.status_code == 429
    assert int(korean.headers["retry-after"]) >= 1
    assert "잦습니다" in korean.json()["detail"]
    assert "Too many requests" in english.json()["detail"]
    assert client.get("/").status_code == 200


def test_no_limit_and_the_spared_machine(served: Callable[..., TestClient]) -> None:
    unlimited = served(per_minute=0)
    assert {unlimited.post("/gradio_api/call/rank").status_code for _ in range(50)} == {200}


def test_a_full_queue_is_told_politely(served: Callable[..., TestClient]) -> None:
    answer = served().post("/gradio_api/queue/join", headers={"Cookie": "koe5-language=en"})
    assert answer.status_code == 429
    assert "What you typed is still there" in answer.json()["detail"]


def test_large_bodies_are_refused_with_and_without_a_length(served: Callable[..., TestClient]) -> None:
    client = served(per_minute=0)
    assert client.post("/gradio_api/call/rank", content=b"x" * 1_000).text == "1000"
    assert client.post("/gradio_api/call/rank", content=b"x" * 1_001).status_code == 413
    assert client.post("/gradio_api/call/rank", content=iter([b"x" * 600] * 2)).status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("rank/", 200),
        ("rank/0123456789abcdef", 200),
        ("v2/rank/", 200),
        ("on_run", 404),
        ("v2/on_run", 404),
        ("v2", 404),
        ("", 404),
        ("rank/x/y", 404),
        ("v2/rank/x/y", 404),
        ("predict", 404),
        ("v2/v2/rank", 404),
    ],
)
def test_programs_call_endpoints_and_none_of_the_pages_own_events(
    served: Callable[..., TestClient], path: str, status: int
) -> None:
    assert served().get(f"/gradio_api/call/{path}").status_code == status
    assert served().post("/gradio_api/run/on_run").status_code == 404


def test_an_error_that_nobody_caught_is_told_in_words_and_logged_without_its_own(
    served: Callable[..., TestClient], caplog: pytest.LogCaptureFixture
) -> None:
    client = served(per_minute=0)
    for kind in ("TypeError", "ValueError", "KeyError"):  # as gradio tells wrong arguments
        asked = client.post("/gradio_api/call/v2/rank", content=kind, headers={"Accept-Language": "en"})
        assert asked.status_code == 400
        assert asked.json()["detail"].startswith("This call is not understood: ")
    failed = client.post("/gradio_api/run/predict", content="RuntimeError")
    assert failed.status_code == 500
    number = re.findall(r"번호 ([0-9a-f]{8})", failed.json()["detail"])
    assert f"unexpected error {number[0]}" in caplog.text
    assert "builtins.RuntimeError" in caplog.text
    assert '"비밀의 글"' not in caplog.text.replace('("비밀의 글")', "")
    assert client.post("/gradio_api/call/v2/rank", content="OSError").status_code == 500


def test_an_error_in_the_middle_of_an_answer_breaks_it_off_without_its_words(served: Callable[..., TestClient]) -> None:
    with pytest.raises(ConnectionError) as broken:
        served().get("/gradio_api/queue/data")
    assert broken.value.__suppress_context__
    assert "비밀" not in str(broken.value)


def test_a_disk_that_fills_up_in_an_upload_is_told(served: Callable[..., TestClient], tmp_path: Path) -> None:
    async def full_disk(_: Request) -> Response:
        raise OSError(errno.ENOSPC, "No space left on device")

    client = served()
    client.app.router.routes.insert(0, Route("/gradio_api/upload", full_disk, methods=["POST"]))  # type: ignore[attr-defined]
    answer = client.post("/gradio_api/upload", files=[("files", ("a.csv", b"x"))])
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) == 60


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ([("files", ("a.csv", b"x"))], 200),
        ([("files", ("A.TXT", b'filename="b.exe"'))], 200),
        ([("files", ("a.exe", b"x"))], 413),
        ([("files", ("a.csv.zip", b"x"))], 413),
        ([("files", ("noending", b"x"))], 413),
        ([("files", ("a.csv", b"x")), ("files", ("b.csv", b"x"))], 413),
    ],
)
def test_uploads_are_one_file_of_a_known_kind(
    served: Callable[..., TestClient], files: list[tuple[str, tuple[str, bytes]]], status: int
) -> None:
    assert served().post("/gradio_api/upload", files=files).status_code == status


def test_an_upload_that_is_none_and_a_full_folder_are_refused(
    served: Callable[..., TestClient], tmp_path: Path
) -> None:
    client = served()
    assert client.post("/gradio_api/upload", content=b"x").status_code == 413
    broken = {"content-type": "multipart/form-data; boundary=abc"}
    assert client.post("/gradio_api/upload", content=b"nonsense", headers=broken).status_code == 413
    (tmp_path / "big").write_bytes(b"x" * 10_001)
    assert served().post("/gradio_api/upload", files=[("files", ("a.csv", b"x"))]).status_code == 503


def test_upload_folders_of_dead_processes_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies.tempfile, "gettempdir", lambda: str(tmp_path))
    old, young = tmp_path / "koe5-uploads-old", tmp_path / "koe5-uploads-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "text.csv").write_text("x")
    monkeypatch.setattr(bodies.time, "time", lambda: young.stat().st_mtime + 3_600)
    import os

    os.utime(old, (0, 0))
    made = bodies.make_folder()
    assert made.is_dir()
    assert (old.exists(), young.exists()) == (False, True)
    assert bodies.size_of(young) == 1


def test_a_request_is_logged_without_its_texts() -> None:
    out = io.StringIO()
    logger = logging.getLogger(REQUESTS)
    handlers = [logging.StreamHandler(out), logging.StreamHandler(out)]
    handlers[0].setFormatter(JsonLines())
    handlers[1].setFormatter(TextLines("%(message)s"))
    metrics = Metrics().attach()
    old_level = logger.level
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        with told("api/rank", [["비밀", "글"], "하나", None]):
            pass
        with pytest.raises(InputError), told("api/rank", [["비밀"]]):
            raise InputError("no_query")
    finally:
        for handler in (*handlers, metrics):
            logger.removeHandler(handler)
        logger.setLevel(old_level)
    lines = out.getvalue().splitlines()
    assert "비밀" not in out.getvalue()
    first = json.loads(lines[0])
    assert {"id", "endpoint", "outcome", "milliseconds", "n_texts", "n_chars", "time", "level"} <= set(first)
    assert (first["endpoint"], first["outcome"], first["n_texts"], first["n_chars"]) == ("api/rank", "ok", 3, 5)
    assert "outcome=ok" in lines[1]
    assert json.loads(lines[2])["outcome"] == "no_query"
    text = metrics.text().decode()
    assert 'koe5_requests_total{endpoint="api/rank",outcome="ok"} 1.0' in text
    assert 'koe5_request_seconds_count{endpoint="api/rank"} 2.0' in text


def test_a_traceback_is_told_without_the_errors_words() -> None:
    try:
        try:
            raise KeyError("비밀의 글")  # noqa: TRY301
        except KeyError as error:
            raise ValueError("비밀의 글") from error
    except ValueError as error:
        told_frames = frames(error)
    assert "비밀의 글" not in told_frames.replace('raise ValueError("비밀의 글")', "").replace(
        'raise KeyError("비밀의 글")', ""
    )
    assert "builtins.ValueError" in told_frames
    assert "builtins.KeyError" in told_frames


def test_counts_hold_for_lists_and_single_texts() -> None:
    assert counts([["가", "나다"], "라", 3, None, [1]]) == (3, 4)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_is_written_in_the_chosen_format(
    log_format: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    old_handlers, old_level = root.handlers[:], root.level
    try:
        configure_logging(log_format)
        logging.getLogger("koe5_demo.test").warning("가 %s", 1)
        written = capsys.readouterr().err
    finally:
        root.handlers[:] = old_handlers
        root.setLevel(old_level)
    assert (json.loads(written)["message"] if log_format == "json" else written.strip()).endswith("가 1")


BOUNDS = BodyBounds(n_bytes=10_000_000, n_chars=10, n_texts=3)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"a": "123456789"}', None),  # "a" and nine more
        (b'{"a": "1234567890"}', "call_too_long"),
        ('{"a": "가나다라마바사아자"}'.encode(), None),
        (b'{"a": "\\uac00\\uac00\\n\\\\\\"\\t123"}', None),  # a, two syllables, four escapes and three digits
        (b'{"a": "\\uac00\\uac00\\n\\\\\\"\\t1234"}', "call_too_long"),
        (b'["1", "2", "3"]', None),
        (b'["1", "2", "3", "4"]', "call_too_many_texts"),
        (b"[" * 32, None),
        (b"[" * 33, "call_too_deep"),
        (b"[" * 985 + b"]" * 985, "call_too_deep"),
        (b"[" + b"[]," * 40 + b"0]", None),  # many, but two deep
        (b"[" + b"9" * 1_000_001, "call_too_deep"),
        (b'["' + b"x" * 8_000_000, "call_too_long"),  # a text without its end
        (b'"' * 9_000_000, "call_too_many_texts"),
        (b"\xff\xfe", None),  # no JSON: whoever reads it says so
        (b"", None),
    ],
)
def test_a_body_is_measured_by_its_bytes(body: bytes, key: str | None) -> None:
    if key is None:
        require_modest(body, BOUNDS)
        return
    with pytest.raises(InputError) as refused:
        require_modest(body, BOUNDS)
    assert refused.value.key == key


@pytest.mark.parametrize("path", ["queue/join", "call/rank", "call/v2/rank", "run/predict", "mcp"])
def test_too_much_text_never_reaches_what_reads_it(served: Callable[..., TestClient], path: str) -> None:
    reached: list[str] = []

    async def never(_: Request) -> Response:
        reached.append(path)
        return PlainTextResponse("")

    client = served(per_minute=0, body=BodyBounds(n_bytes=1_000, n_chars=100, n_texts=20))
    client.app.router.routes.insert(0, Route(f"/gradio_api/{path}", never, methods=["POST"]))  # type: ignore[attr-defined]
    english = {"Accept-Language": "en"}
    long = client.post(f"/gradio_api/{path}", json={"data": ["x" * 97]}, headers=english)
    assert long.status_code == 413
    assert "101 characters" in long.json()["detail"]
    assert client.post(f"/gradio_api/{path}", content=b"[" * 500).status_code == 413
    assert reached == []
    assert client.post(f"/gradio_api/{path}", json={"data": ["x" * 96]}).status_code == 200
    assert reached == [path]


def test_a_tool_call_is_model_work_and_the_rest_of_mcp_is_not(served: Callable[..., TestClient]) -> None:
    client = served(per_minute=1)
    assert [client.post("/gradio_api/mcp", json={"method": "tools/list"}).status_code for _ in range(3)] == [404] * 3
    assert [client.post("/gradio_api/mcp", json={"method": "tools/call"}).status_code for _ in range(2)] == [404, 429]


def test_an_upload_takes_from_its_visitors_share_and_leaves_room_for_others(served: Callable[..., TestClient]) -> None:
    client = served(per_minute=0, behind_proxy=1)  # 10,000 bytes, 2,500 of a visitor

    def upload(visitor: str, name: str = "a.csv", size: int = 800) -> int:
        files = [("files", (name, b"x" * size))]
        return client.post("/gradio_api/upload", files=files, headers={"X-Forwarded-For": visitor}).status_code

    assert [upload("9.9.9.1") for _ in range(4)] == [200, 200, 429, 429]
    assert [upload("9.9.9.2", "a.exe") for _ in range(5)] == [413] * 5  # what was refused takes nothing
    assert [upload(f"9.9.9.{n}") for n in range(2, 10)] == [200] * 8
    assert {upload(f"9.9.8.{n}") for n in range(10)} == {503}


def test_a_share_comes_back_after_its_time() -> None:
    clock = Clock()
    room = Room(100, 50, kept_s=60.0, clock=clock)
    assert room.take("a", 80) is Place.TAKEN  # one thing always fits
    assert room.take("a", 1) is Place.OWN_SHARE_FULL
    assert room.take("b", 30) is Place.ROOM_FULL
    assert room.take("b", 20) is Place.TAKEN
    room.give_back("b", 20)
    assert room.held == 80
    clock.now = 60.0
    assert (room.held, room.take("a", 50)) == (0, Place.TAKEN)
    room.give_back("b", 20)  # its time was over already
    assert room.held == 50


def test_a_body_that_stops_half_way_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("koe5_demo.edge.gate.SILENT_BODY_S", 0.01)
    sent: list[Any] = []

    async def app(*_: Any) -> None:
        raise AssertionError("the body is not there")

    async def receive() -> Any:
        if not sent_half:
            sent_half.append(True)
            return {"type": "http.request", "body": b"[", "more_body": True}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    sent_half: list[bool] = []
    gate = Gate(app, rules_of(tmp_path))
    asked = {**scope(), "method": "POST", "path": "/gradio_api/queue/join"}
    run(gate(asked, receive, send))
    assert sent[0]["status"] == 408


def test_open_requests_of_one_visitor_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("koe5_demo.edge.gate.OPEN_OF_A_VISITOR", 2)
    statuses: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if "status" in message:
            statuses.append(message["status"])

    async def three_at_once() -> None:
        over = asyncio.Event()

        async def app(*_: Any) -> None:
            await over.wait()

        gate = Gate(app, rules_of(tmp_path))
        asked = {**scope(), "method": "GET", "path": "/gradio_api/queue/data"}
        streams = [asyncio.create_task(gate(asked, receive, send)) for _ in range(2)]
        await asyncio.sleep(0)
        await gate(asked, receive, send)
        over.set()
        await asyncio.gather(*streams)

    run(three_at_once())
    assert statuses == [429]


class Line:
    """A connection's transport."""

    def __init__(self, host: str, port: int) -> None:
        self.peer = (host, port)
        self.aborted = False

    def get_extra_info(self, _: str) -> Any:
        return self.peer

    def abort(self) -> None:
        self.aborted = True


def test_the_connection_that_was_idle_for_longest_gives_way() -> None:
    async def flood() -> None:
        connections = Connections(most=4, most_of_an_address=3)
        lines = [Line("9.9.9.1", n) for n in range(4)]
        for line in lines:
            connections.enter(line)  # type: ignore[arg-type]
        assert [line.aborted for line in lines] == [True, False, False, False]
        connections.work(("9.9.9.1", 1))
        connections.enter(Line("9.9.9.1", 5))  # type: ignore[arg-type]
        assert [line.aborted for line in lines] == [True, False, True, False]  # 1 is at work
        others = [Line("9.9.9.2", 1), Line("9.9.9.2", 2)]
        for line in others:
            assert connections.enter(line) is not None  # type: ignore[arg-type]
        assert lines[3].aborted  # four in all
        assert len(connections) == 4
        for key in list(connections._open):
            connections.work(key)
        late = Line("9.9.9.3", 1)
        assert connections.enter(late) is None  # type: ignore[arg-type]
        assert late.aborted
        for key in list(connections._open):
            connections.leave(key)
        assert (len(connections), connections._of_address) == (0, {})

    run(flood())


def test_the_gate_tells_the_connections_that_it_was_given(tmp_path: Path) -> None:
    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        for _ in range(20):  # longer than a silent connection may live
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask() -> None:
        connections = Connections(silence_s=0.0)
        gate, line = Gate(answer, rules_of(tmp_path), connections), Line("9.9.9.1", 1)
        connections.enter(line)  # type: ignore[arg-type]
        scope = {
            "type": "http",
            "path": "/",
            "headers": [],
            "client": ("9.9.9.1", 1),
            "query_string": b"",
            "method": "GET",
        }

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_: Any) -> None:
            assert not line.aborted

        await gate(scope, receive, send)

    run(ask())


def test_a_silent_connection_is_closed_and_one_at_work_is_not() -> None:
    async def wait() -> None:
        connections = Connections(silence_s=0.0)
        silent, working = Line("9.9.9.1", 1), Line("9.9.9.1", 2)
        connections.enter(silent)  # type: ignore[arg-type]
        connections.work(connections.enter(working) or ("", 0))  # type: ignore[arg-type]
        while not silent.aborted:
            await asyncio.sleep(0)
        assert not working.aborted
        connections.rest(("9.9.9.1", 2))
        while not working.aborted:
            await asyncio.sleep(0)

    run(wait())


def test_a_request_that_begins_before_the_last_one_has_ended_keeps_its_connection() -> None:
    async def wait() -> None:
        connections = Connections(silence_s=0.0)
        streaming = Line("9.9.9.1", 1)
        key = connections.enter(streaming) or ("", 0)  # type: ignore[arg-type]
        connections.work(key)
        connections.work(key)  # the next request's head is there already
        connections.rest(key)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not streaming.aborted
        connections.rest(key)
        while not streaming.aborted:
            await asyncio.sleep(0)

    run(wait())


def run(work: Any) -> None:
    async def wrapped() -> None:
        await work

    with ThreadPoolExecutor(1) as elsewhere:  # a browser test before this one leaves a loop running in this thread
        elsewhere.submit(asyncio.run, wrapped()).result()


def record(text: str, *values: object, line: int = 1, name: str = "koe5_demo.test") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "a.py", line, text, values, None)


def test_a_repeated_fault_is_one_line_a_minute_and_a_place_thirty() -> None:
    clock = Clock()
    few = FewOfAKind(clock)
    assert [few.filter(record("no file left")) for _ in range(1_000)].count(True) == 1
    assert [few.filter(record("model %s", n, line=2)) for n in range(1_000)].count(True) == 30
    assert all(few.filter(record("asked", name=REQUESTS)) for _ in range(100))
    clock.now = 60.0
    again = record("no file left")
    assert few.filter(again)
    assert again.getMessage() == "no file left (and 999 more in the minute before)"


@pytest.mark.parametrize("formatter", [TextLines("%(message)s"), JsonLines()])
def test_no_name_begins_a_line_of_the_log_or_moves_its_cursor(formatter: logging.Formatter) -> None:
    name = "a/b\n2026-01-01 INFO forged\r\x1b[2J\u2028\u202e"
    for told_record in (record("model %s: %s", name, ValueError(name)), record(name)):
        line = formatter.format(told_record)
        assert not set("\n\r\x1b\u2028\u202e") & set(line)
        assert "forged" in line


def test_the_same_bug_has_the_same_number() -> None:
    def number_of(text: str) -> str:
        try:
            raise KeyError(text)  # noqa: TRY301
        except KeyError as error:
            return log_bug(error)

    assert number_of("비밀") == number_of("글")

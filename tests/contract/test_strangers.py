"""A started page as a stranger meets it: files, uploads, models, limits, logs."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from browser import Served, run_app
from koe5_demo.catalog import ASSETS

SECRET = "비밀의낱말"
SECRETS = {"HF_TOKEN": "hf_verysecretvalue", "OPENAI_API_KEY": "sk-verysecretvalue"}


@pytest.fixture(scope="module")
def started(served: Served) -> Served:
    return served


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A page that opens any model and knows secrets, and its log."""
    log = tmp_path_factory.mktemp("log") / "lenient.log"
    options = {"KOE5_MODEL": "mini", "HF_HUB_OFFLINE": "1", "KOE5_ALLOW_CUSTOM_MODELS": "1"}
    with run_app(**options, KOE5_TEST_LOG=str(log), **SECRETS) as url:
        yield url, log


def fetch(
    url: str, body: bytes | None = None, content_type: str = "application/json", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, body, {"Content-Type": content_type, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def upload(url: str, name: str, content: bytes) -> tuple[int, bytes]:
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    status, body, _ = fetch(
        f"{url}/gradio_api/upload", head + content + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"
    )
    return status, body


def wait_for_event(url: str, session: str) -> str:
    """Return the line that ends the session's event."""
    with urllib.request.urlopen(f"{url}/gradio_api/queue/data?session_hash={session}", timeout=20) as lines:
        for n, line in enumerate(lines):
            if b"process_completed" in line or b"unexpected_error" in line:
                return bytes(line).decode()
            assert n < 20, line
    raise AssertionError("the stream ended without an answer")


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=app.py",
        "/gradio_api/file=.git/config",
        "/gradio_api/file=./app.py",
        "/gradio_api/file=../main/app.py",
        "/gradio_api/file=%2e%2e/%2e%2e/etc/passwd",
        "/gradio_api/file=%252e%252e/app.py",
        "/gradio_api/file=%2fetc%2fpasswd",
        "/gradio_api/file=//etc/passwd",
        "/gradio_api/file=file:///etc/passwd",
        "/gradio_api/file=http://127.0.0.1/",
        f"/gradio_api/file={ASSETS}/fonts/../examples.json",
        f"/gradio_api/file={ASSETS}/fonts/..%2fexamples.json",
        f"/gradio_api/file={ASSETS}/mini/config_sentence_transformers.json",
        f"/gradio_api/file={ASSETS}/fonts",
        "/gradio_api/file=/proc/self/environ",
        "/gradio_api/file/etc/passwd",
        "/file=/etc/passwd",
        "/static/..%2f..%2f..%2froutes.py",
        "/assets/..%2f..%2f..%2froutes.py",
        "/svelte/..%2f..%2froutes.py",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/vibe-code/",
        "/gradio_api/runs",
        "/gradio_api/run-history/buckets",
        "/gradio_api/deep_link",
        "/monitoring",
        "/docs",
        "/openapi.json",
        "/.env",
    ],
)
def test_no_path_of_the_server_is_readable(started: Served, path: str) -> None:
    status, body, _ = fetch(started.url + path)
    assert status in (403, 404)
    assert b"root:" not in body
    assert b"import" not in body


def test_the_fonts_are_readable(started: Served) -> None:
    status, body, headers = fetch(f"{started.url}/gradio_api/file={ASSETS}/fonts/OFL.txt")
    assert status == 200
    assert b"Open Font License" in body
    assert "sandbox" in {name.lower(): value for name, value in headers.items()}["content-security-policy"]


def test_a_visitors_file_argument_cannot_name_a_file_of_the_server(started: Served) -> None:
    config = json.loads(fetch(f"{started.url}/config")[1])
    readers = [
        dependency["id"]
        for dependency in config["dependencies"]
        if any(part.get("type") == "file" for part in config["components"] if part["id"] in dependency["inputs"])
    ]
    assert readers
    for function in readers:
        arguments = next(d for d in config["dependencies"] if d["id"] == function)["inputs"]
        kinds = {part["id"]: part["type"] for part in config["components"]}
        for place in ("/etc/passwd", "app.py", str(ASSETS / "examples.json")):
            stolen = {"path": place, "meta": {"_type": "gradio.FileData"}, "orig_name": "a.txt"}
            data: list[Any] = [stolen if kinds[number] == "file" else "ko" for number in arguments]
            body = json.dumps({"data": data, "fn_index": function, "session_hash": "s"}).encode()
            answered = fetch(f"{started.url}/gradio_api/run/predict", body)[1]
            assert b"root:" not in answered
            assert b"import" not in answered
            assert "헌법과".encode() not in answered


def test_uploads_are_bounded_and_only_their_visitor_knows_where_they_are(started: Served) -> None:
    status, body = upload(started.url, "문단.csv", b"text\n1\n")
    assert status == 200
    (path,) = json.loads(body)
    assert Path(path).is_relative_to(started.temporary)
    assert fetch(f"{started.url}/gradio_api/file={urllib.parse.quote(path)}")[0] == 200
    assert fetch(f"{started.url}/gradio_api/file={Path(path).parent}")[0] == 404
    assert upload(started.url, "a.exe", b"MZ")[0] == 413
    assert upload(started.url, "a.html", b"<script>")[0] == 413
    assert upload(started.url, "a.csv", b"x" * 30_000_000)[0] == 413
    status, body = upload(started.url, "../../evil.csv", b"text\n1\n")
    assert status == 200
    assert Path(json.loads(body)[0]).is_relative_to(started.temporary)


def test_zip_bombs_and_endless_headers_are_refused(started: Served) -> None:
    wide = ",".join(map(str, range(1_000_000))).encode()
    for name, content in (
        ("wide.csv", wide + b"\n" + wide),
        ("bomb.csv", b"PK\x03\x04" + bytes(range(128, 256)) * 1_000),
    ):
        status, body = upload(started.url, name, content)
        assert status == 200
        assert _file_event(started, json.loads(body)[0], name) != 200


def _file_event(started: Served, path: str, name: str) -> int:
    config = json.loads(fetch(f"{started.url}/config")[1])
    kinds = {part["id"]: part["type"] for part in config["components"]}
    event = next(d for d in config["dependencies"] if {kinds[number] for number in d["inputs"]} == {"file", "radio"})
    file = {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": name}
    body = json.dumps(
        {
            "data": [file if kinds[number] == "file" else "ko" for number in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": "s",
        }
    ).encode()
    join = fetch(f"{started.url}/gradio_api/queue/join", body)
    assert join[0] == 200
    return 200 if '"success":true' in wait_for_event(started.url, "s") else 400


@pytest.mark.parametrize("place", ["http://93.184.216.34/big.csv", "https://127.0.0.1/x.csv", "http://[::1]/x.csv"])
def test_nobody_sends_this_server_to_fetch_a_file(started: Served, place: str) -> None:
    config = json.loads(fetch(f"{started.url}/config")[1])
    kinds = {part["id"]: part["type"] for part in config["components"]}
    event = next(d for d in config["dependencies"] if {kinds[number] for number in d["inputs"]} == {"file", "radio"})
    file = {"path": place, "meta": {"_type": "gradio.FileData"}, "orig_name": "big.csv"}
    body = json.dumps(
        {
            "data": [file if kinds[number] == "file" else "ko" for number in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": "fetch",
        }
    ).encode()
    assert fetch(f"{started.url}/gradio_api/queue/join", body)[0] == 200
    assert "this server fetches none from an address" in wait_for_event(started.url, "fetch")


def test_a_call_that_is_not_understood_is_told_what_is_missing(started: Served) -> None:
    english = {"Accept-Language": "en"}
    for arguments, words in (({"비밀": 1}, "not a valid key-word argument"), ({"passages": ["가"]}, "queries")):
        status, body, _ = fetch(f"{started.url}/gradio_api/call/v2/rank", json.dumps(arguments).encode(), **english)
        assert status == 400
        assert words in json.loads(body)["detail"]
    assert fetch(f"{started.url}/gradio_api/call/on_run", b'{"data": []}')[0] == 404
    unknown = json.dumps({"data": [], "fn_index": 99_999, "session_hash": "x"}).encode()
    assert fetch(f"{started.url}/gradio_api/queue/join", unknown)[0] == 400
    assert "비밀" not in started.log.read_text("utf-8")


def test_calls_of_an_endpoint_leave_little_behind(started: Served) -> None:
    def memory_mb() -> float:
        text = fetch(f"{started.url}/metrics")[1].decode()
        (line,) = (line for line in text.splitlines() if line.startswith("process_resident_memory_bytes"))
        return float(line.split()[1]) / 1e6

    def call(n: int) -> None:
        body = json.dumps({"texts": [f"글 {n}"]}).encode()
        event = json.loads(fetch(f"{started.url}/gradio_api/call/v2/tokens", body)[1])["event_id"]
        assert b"complete" in fetch(f"{started.url}/gradio_api/call/tokens/{event}")[1]

    for n in range(20):
        call(n)
    before = memory_mb()
    for n in range(100):
        call(n)
    # A session weighs some 20 kB; with the whole page written out in each it was 330.
    assert memory_mb() - before < 15


@pytest.mark.slow
def test_models_outside_the_catalog_are_refused_unless_allowed(
    started: Served, lenient: tuple[str, Path], tiny_folder: Path
) -> None:
    client = Client(started.url, verbose=False)
    with pytest.raises(Exception, match="opens only the models of its list"):
        client.predict(texts=["가"], model=str(tiny_folder), api_name="/embed")
    allowed = Client(lenient[0], verbose=False)
    # Folders are the server's, whether they are there or not; an id of the hub is looked for.
    for name in (
        str(tiny_folder),
        "/nowhere/at-all",
        "./assets",
        "~",
        "~root",
        "..",
        "koe5_demo/ui",
        "a/b\nc",
        "a" * 300,
    ):
        with pytest.raises(Exception, match="Name a model of the list, or a hub id"):
            allowed.predict(texts=["가"], model=name, api_name="/embed")
    with pytest.raises(Exception, match=r"someone/else"):
        allowed.predict(texts=["가"], model="someone/else", api_name="/embed")


def test_too_much_text_is_refused_before_it_is_read_wherever_it_is_sent(started: Served) -> None:
    config = json.loads(fetch(f"{started.url}/config")[1])
    typed = config["dependencies"][0]["id"]
    for place in ("run/predict", "queue/join", "call/rank", "call/v2/rank"):
        body = json.dumps({"data": ["가" * 4_000_000], "fn_index": typed, "session_hash": "much"}).encode()
        status, answer, _ = fetch(f"{started.url}/gradio_api/{place}", body, **{"Accept-Language": "en"})
        assert status == 413, place
        assert b"characters" in answer
    assert fetch(f"{started.url}/gradio_api/run/predict", b"[" * 985 + b"]" * 985)[0] == 413
    assert fetch(f"{started.url}/gradio_api/run/predict", b'{"data": [' + b"1" * 5_000 + b"]}")[0] in (400, 422)


def test_a_file_that_the_server_no_longer_has_is_told_without_its_path(started: Served) -> None:
    path = f"{started.temporary}/koe5-uploads-gone/abc/passages.csv"
    config = json.loads(fetch(f"{started.url}/config")[1])
    kinds = {part["id"]: part["type"] for part in config["components"]}
    event = next(d for d in config["dependencies"] if {kinds[number] for number in d["inputs"]} == {"file", "radio"})
    file = {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "passages.csv"}
    body = json.dumps(
        {
            "data": [file if kinds[number] == "file" else "ko" for number in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": "gone",
        }
    ).encode()
    assert fetch(f"{started.url}/gradio_api/queue/join", body)[0] == 200
    told = wait_for_event(started.url, "gone")
    assert "no longer on the server" in told
    assert str(started.temporary) not in told
    assert "Cannot move" not in told


def test_a_page_whose_result_the_server_no_longer_has_is_told_to_run_again(started: Served) -> None:
    """As after a restart, or when its session was let go: what is pressed in the results, and the downloads."""
    config = json.loads(fetch(f"{started.url}/config")[1])
    parts = {part["id"]: part for part in config["components"]}
    kinds = {number: part["type"] for number, part in parts.items()}
    asking = [d for d in config["dependencies"] if {kinds[number] for number in d["inputs"]} == {"state", "radio"}]
    asking = [d for d in asking if "click" in {event for _, event in d["targets"]}]
    assert len(asking) >= 5
    for event in asking:
        data = [None if kinds[number] == "state" else parts[number]["props"]["value"] for number in event["inputs"]]
        body = json.dumps({"data": data, "fn_index": event["id"], "session_hash": "new"}).encode()
        assert fetch(f"{started.url}/gradio_api/queue/join", body)[0] == 200
        told = json.loads(wait_for_event(started.url, "new").removeprefix("data: "))
        assert "다시 눌러 주세요" in told["output"]["error"]


def test_the_log_holds_no_word_of_a_visitor(started: Served) -> None:
    before = len(started.log.read_text("utf-8"))
    client = Client(started.url, verbose=False)
    client.predict(queries=[SECRET], passages=[f"{SECRET} 문단", "다른"], api_name="/rank")
    for bad in ({"texts": [SECRET], "role": SECRET}, {"texts": [SECRET], "model": SECRET}, {"texts": SECRET}):
        with pytest.raises(Exception, match=r"."):
            client.predict(**bad, api_name="/embed")
    config = json.loads(fetch(f"{started.url}/config")[1])
    for dependency in config["dependencies"]:
        data = [SECRET] * len(dependency["inputs"])
        body = json.dumps({"data": data, "fn_index": dependency["id"], "session_hash": "t"}).encode()
        fetch(f"{started.url}/gradio_api/run/predict", body)
        if fetch(f"{started.url}/gradio_api/queue/join", body)[0] == 200:
            wait_for_event(started.url, "t")
    fetch(f"{started.url}/?q={urllib.parse.quote(SECRET)}")
    upload(started.url, f"{SECRET}.csv", f"text\n{SECRET}\n".encode())
    log = started.log.read_text("utf-8")[before:]
    assert SECRET not in log
    assert SECRET.encode("unicode_escape").decode() not in log
    assert urllib.parse.quote(SECRET) not in log
    requests = [json.loads(line) for line in log.splitlines() if '"endpoint"' in line]
    rank = next(line for line in requests if line["endpoint"] == "api/rank")
    assert (rank["n_texts"], rank["outcome"]) == (3, "ok")


def test_health_and_counts_are_told(started: Served) -> None:
    status, body, _ = fetch(f"{started.url}/healthz")
    health = json.loads(body)
    assert status == 200
    assert (health["ready"], health["serving"], health["device"]) == (True, "mini", "cpu")
    assert {"wanted", "wanted_phase", "engine", "dtype", "version"} <= set(health)
    status, body, _ = fetch(f"{started.url}/metrics")
    assert status == 200
    assert b"koe5_request_seconds_bucket" in body
    assert fetch(f"{started.url}/metrics", **{"X-Forwarded-For": "9.9.9.9"})[0] == 404


@pytest.mark.slow
def test_visitors_behind_a_proxy_are_limited_one_by_one() -> None:
    options = {"KOE5_RATE_LIMIT": "3", "KOE5_BEHIND_PROXY": "1", "KOE5_MODEL": "mini", "HF_HUB_OFFLINE": "1"}
    with run_app(**options) as url:
        call = f"{url}gradio_api/call/v2/models"
        told = [fetch(call, b"{}", **{"X-Forwarded-For": f"6.6.6.{n}, 9.9.9.9"})[0] for n in range(5)]
        assert told == [200, 200, 200, 429, 429]
        assert fetch(call, b"{}", **{"X-Forwarded-For": "9.9.9.10"})[0] == 200
        status, body, headers = fetch(call, b"{}", **{"X-Forwarded-For": "9.9.9.9", "Accept-Language": "en"})
        assert status == 429
        assert "Too many requests" in json.loads(body)["detail"]
        assert fetch(f"{url}metrics")[0] == 404
        assert {name.lower() for name in headers} >= {"retry-after", "content-security-policy"}


@pytest.mark.slow
def test_secrets_of_the_environment_are_never_exported(lenient: tuple[str, Path]) -> None:
    url, log = lenient
    client = Client(url, verbose=False)
    told = json.dumps(
        [
            client.predict(queries=["가"], passages=["나"], api_name="/rank"),
            client.predict(dataset="ours", models=["bm25", "mini"], api_name="/benchmark"),
            client.predict(api_name="/models"),
        ]
    )
    told += fetch(f"{url}config")[1].decode() + fetch(f"{url}healthz")[1].decode()
    assert "verysecretvalue" not in told
    assert "verysecretvalue" not in log.read_text("utf-8")
    assert os.environ.get("HF_TOKEN", "-") not in told or "HF_TOKEN" not in os.environ


HEAPS = """
import ctypes, threading
from koe5_demo.encoding.fast.memory import share_heaps
share_heaps()
all_have = threading.Barrier(8)
def work():
    kept = [bytes(1_000) for _ in range(1_000)]
    all_have.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries part memory in their own way")
def test_threads_share_two_heaps() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    done = subprocess.run(
        [sys.executable, "-c", HEAPS],
        cwd=ASSETS.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert len(re.findall(r"^Arena \d+:", done.stderr, flags=re.MULTILINE)) == 2

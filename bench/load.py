"""Visitors of the page under load: errors, waiting times and memory of a server that this program starts itself.

    python -m bench.load --visitors 50 --seconds 300 [--benchmark] [--hostile] [--json out.json]
    python -m bench.load --hostile-only [--root FOLDER]      what one hostile visitor costs, kind by kind

The hostile visitor types 8 million characters eight times at once, makes large rankings in session after session, and
sends 51 files of 20 MB.

Loopback only and bounded: at most 200 visitors and 1,800 seconds. A visitor does what the page does: it opens the page
and keeps a heartbeat, joins the queue with a ranking of its own texts, waits for the answer on the event stream, thinks
for a moment, and edits a text. Each comes from an address of its own, as behind a proxy, so that the server's limit a
visitor stays on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
THINK_S = (1.5, 3.5)
WARM_S = 60.0
TYPED_CHARS, TYPED_AT_ONCE = 8_000_000, 8
UPLOADS, UPLOAD_BYTES = 51, 20_000_000
LARGE_SESSIONS, LARGE_PASSAGES = 20, 1_000
IDLE_CONNECTIONS, IDLE_S = 1_000, 20
START_S = 120
MOST_VISITORS, MOST_SECONDS = 200, 1_800
WORDS = (
    "수도",
    "항구",
    "발효",
    "음식",
    "헌법",
    "법원",
    "기차",
    "바다",
    "산",
    "학교",
    "병원",
    "시장",
    "여행",
    "계약",
    "환불",
    "모델",
)


@dataclass
class Tally:
    """What all visitors saw."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refusals: int = 0


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    visitors: int
    seconds: float
    benchmark: bool
    passages: int
    hostile: bool
    hostile_only: bool
    root: Path


def main() -> None:
    options, out = parse()
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KOE5_")}
    environment |= {"KOE5_MODEL": "mini", "KOE5_PORT": str(port), "HF_HUB_OFFLINE": "1", "KOE5_BEHIND_PROXY": "1"}
    with tempfile.TemporaryDirectory() as data:
        environment |= {"KOE5_DATA_DIR": data, "TMPDIR": data}
        log = Path(data) / "log"
        with (
            log.open("wb") as out_of_it,
            subprocess.Popen(
                [sys.executable, "app.py"], cwd=options.root, env=environment, stdout=out_of_it, stderr=out_of_it
            ) as server,
        ):
            url = f"http://127.0.0.1:{port}"
            try:
                if options.hostile_only:
                    result = asyncio.run(hostile_kinds(url, server.pid, log))
                else:
                    result = asyncio.run(load(url, server.pid, Path(data), options))
            finally:
                server.terminate()
    print(json.dumps(result, ensure_ascii=False, indent=2))
    if not options.hostile_only:
        print(table(result))
    if out is not None:
        out.write_text(json.dumps(result, ensure_ascii=False, indent=2), "utf-8")


def parse() -> tuple[Options, Path | None]:
    parser = argparse.ArgumentParser(description="Put visitors on the page.")
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--passages", type=int, default=10)
    parser.add_argument("--benchmark", action="store_true", help="run benchmarks through the API at the same time")
    parser.add_argument(
        "--hostile", action="store_true", help="one visitor beside them who types, ranks and uploads too much"
    )
    parser.add_argument("--hostile-only", action="store_true", help="measure each kind of hostile visitor, once")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the app.py to start, to compare versions")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not (0 < given.visitors <= MOST_VISITORS and 0 < given.seconds <= MOST_SECONDS):
        parser.error(f"at most {MOST_VISITORS} visitors and {MOST_SECONDS} seconds")
    kinds = (given.hostile, given.hostile_only, given.root)
    return Options(given.visitors, given.seconds, given.benchmark, given.passages, *kinds), given.json


async def load(url: str, pid: int, data: Path, options: Options) -> dict:
    await wait_for(url)
    tally, memory = Tally(), []
    end = time.monotonic() + options.seconds
    run = await ranking_event(url)
    watcher = asyncio.create_task(watch(pid, end, memory))
    others = [asyncio.create_task(benchmarks(url, end, data))] if options.benchmark else []
    if options.hostile:
        others.append(asyncio.create_task(hostile_visitor(url, end)))
    started = time.monotonic()
    await asyncio.gather(*(visit(url, n, run, end, tally, options) for n in range(options.visitors)))
    elapsed = time.monotonic() - started
    runs = [await other for other in others]
    await watcher
    return summary(tally, memory, elapsed, sum(runs), options)


async def visit(url: str, n: int, run: dict, end: float, tally: Tally, options: Options) -> None:
    rng = random.Random(n)
    headers = {"X-Forwarded-For": f"20.0.{n // 250}.{n % 250 + 1}", "Accept-Language": "ko"}
    limits = httpx.Timeout(60)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=limits) as client:
        await asyncio.sleep(rng.uniform(0, 3))
        await client.get("/")
        session = f"load{n:04d}"
        alive = asyncio.create_task(heartbeat(client, session))
        texts = [sentence(rng) for _ in range(options.passages)]
        try:
            while time.monotonic() < end:
                texts[rng.randrange(len(texts))] = sentence(rng)
                await rank(client, session, run, sentence(rng), texts, tally)
                await asyncio.sleep(rng.uniform(*THINK_S))
        finally:
            alive.cancel()


async def rank(client: httpx.AsyncClient, session: str, run: dict, query: str, texts: list[str], tally: Tally) -> None:
    values = {"queries": query, "passages": "\n\n".join(texts)}
    data = [values.get(name, default) for name, default in run["inputs"]]
    body = {"data": data, "event_data": None, "fn_index": run["id"], "trigger_id": None, "session_hash": session}
    start = time.monotonic()
    try:
        joined = await client.post("/gradio_api/queue/join", json=body)
        if joined.status_code == 429:
            tally.refusals += 1
            return
        joined.raise_for_status()
        answer = await completed(client, session)
        if not answer["success"]:
            tally.errors.append(str(answer["output"])[:200])
    except (httpx.HTTPError, KeyError, ValueError) as error:
        tally.errors.append(f"{type(error).__name__}: {error}"[:200])
        return
    tally.seconds.append(time.monotonic() - start)


async def completed(client: httpx.AsyncClient, session: str) -> dict:
    async with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                message = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    return message
    raise ValueError("the stream ended without an answer")


async def heartbeat(client: httpx.AsyncClient, session: str) -> None:
    async with client.stream("GET", f"/gradio_api/heartbeat/{session}", timeout=None) as stream:
        async for _ in stream.aiter_lines():
            pass


async def ranking_event(url: str) -> dict:
    """Find the event behind the button #run, and the value that each of its inputs starts with."""
    return await event_of(url, "run", "click")


async def counting_event(url: str) -> dict:
    """Find the event behind typing in #passages."""
    return await event_of(url, "passages", "change")


async def event_of(url: str, elem_id: str, trigger: str) -> dict:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        config = (await client.get("/config")).json()
    parts = {part["id"]: part for part in config["components"]}
    part = next(n for n, part in parts.items() if part["props"].get("elem_id") == elem_id)
    event = next(d for d in config["dependencies"] if [part, trigger] in [list(target) for target in d["targets"]])
    inputs = [(parts[n]["props"].get("elem_id"), parts[n]["props"].get("value")) for n in event["inputs"]]
    return {"id": event["id"], "inputs": inputs}


async def benchmarks(url: str, end: float, data: Path) -> int:
    """Run the small benchmark over and over until the end, each time from the start; return how many came through."""
    done = 0
    async with httpx.AsyncClient(base_url=url, headers={"X-Forwarded-For": "20.1.0.1"}, timeout=600) as client:
        while time.monotonic() < end:
            shutil.rmtree(data, ignore_errors=True)  # else its vectors would be there already
            body = {"dataset": "ours", "models": ["mini", "bm25", "rrf:mini"]}
            event = (await client.post("/gradio_api/call/v2/benchmark", json=body)).json().get("event_id")
            if event is None:
                await asyncio.sleep(5)
                continue
            async with client.stream("GET", f"/gradio_api/call/benchmark/{event}") as stream:
                async for line in stream.aiter_lines():
                    done += line == "event: complete"
    return done


async def hostile_visitor(url: str, end: float) -> int:
    """Type, rank and upload too much from one address, over and over until the end; returns 0: no benchmark."""
    event, run = await counting_event(url), await ranking_event(url)
    async with httpx.AsyncClient(base_url=url, headers={"X-Forwarded-For": "20.2.0.1"}, timeout=60) as client:
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):
                await type_much(client, event)
                await rank_much(client, run, end)
                await upload_much(client)
            await asyncio.sleep(1)
    return 0


async def hostile_kinds(url: str, pid: int, log: Path) -> dict:
    """Measure what each kind costs the server: seconds, memory, answers, and what another visitor gets meanwhile."""
    await wait_for(url)
    event, run = await counting_event(url), await ranking_event(url)
    result = {}
    other = {"X-Forwarded-For": "20.3.0.1"}
    async with httpx.AsyncClient(base_url=url, headers={"X-Forwarded-For": "20.2.0.1"}, timeout=300) as client:
        for name, work in (
            ("typing", type_much(client, event)),
            ("rankings", rank_much(client, run)),
            ("uploads", upload_much(client)),
        ):
            before, peaks = rss_mb(pid), []
            end = time.monotonic() + 600
            watcher = asyncio.create_task(watch(pid, end, peaks, every_s=0.1))
            start = time.monotonic()
            answers = await work
            seconds = time.monotonic() - start
            watcher.cancel()
            result[name] = {
                "seconds": round(seconds, 2),
                "memory_mb": round(max([mb for _, mb in peaks], default=before) - before, 1),
                "answers": {str(status): answers.count(status) for status in sorted(set(answers))},
            }
        result["uploads"]["another_visitor"] = await upload(client, b"x" * 1_000, other)
    result["connections"] = await idle_connections(url, log)
    return result


async def type_much(client: httpx.AsyncClient, event: dict) -> list[int]:
    values = {"queries": "수도", "passages": "가나다라 " * (TYPED_CHARS // 5)}
    data = [values.get(name, default) for name, default in event["inputs"]]
    body = {"data": data, "event_data": None, "fn_index": event["id"], "session_hash": "hostile"}
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    sent = (client.post("/gradio_api/run/predict", content=content, headers=headers) for _ in range(TYPED_AT_ONCE))
    return [answer.status_code for answer in await asyncio.gather(*sent)]


async def rank_much(client: httpx.AsyncClient, run: dict, end: float = math.inf) -> list[int]:
    """Make large rankings, each in a session of its own whose page the server keeps; return how each was answered."""
    rng = random.Random(0)
    answers = []
    for number in range(LARGE_SESSIONS):
        if time.monotonic() >= end:
            break
        texts = [f"{sentence(rng)} {number}-{n}" for n in range(LARGE_PASSAGES)]
        tally = Tally()
        await rank(client, f"hostile{number:04d}", run, sentence(rng), texts, tally)
        answers.append(200 if tally.seconds and not tally.errors else 429 if tally.refusals else 0)
    return answers


async def upload_much(client: httpx.AsyncClient) -> list[int]:
    content = b"text\n" + b"x" * (UPLOAD_BYTES - 5)
    return [await upload(client, content, {}) for _ in range(UPLOADS)]


async def upload(client: httpx.AsyncClient, content: bytes, headers: dict) -> int:
    try:
        files = [("files", ("a.csv", content))]
        return (await client.post("/gradio_api/upload", files=files, headers=headers)).status_code
    except httpx.HTTPError:
        return 0  # broken off


async def idle_connections(url: str, log: Path) -> dict:
    """Open many connections that say nothing, and see whether the page still comes and what the log grows by."""
    parts = httpx.URL(url)
    before, lines = log.stat().st_size, []
    for _ in range(IDLE_CONNECTIONS):
        with suppress(OSError):
            lines.append(await asyncio.wait_for(asyncio.open_connection(parts.host, parts.port), 5))
    start, status = time.monotonic(), None
    async with httpx.AsyncClient(base_url=url, timeout=IDLE_S) as client:
        with suppress(httpx.HTTPError):
            status = (await client.get("/")).status_code
    took = time.monotonic() - start
    await asyncio.sleep(max(0.0, IDLE_S - took))
    still_open = sum(not reader.at_eof() for reader, _ in lines)
    for _, writer in lines:
        writer.close()
    grown = log.stat().st_size - before
    return {
        "opened": len(lines),
        "open_after_s": {str(IDLE_S): still_open},
        "page": status,
        "page_s": round(took, 2),
        "log_kb_a_minute": round(grown / 1e3 * 60 / IDLE_S, 1),
    }


async def watch(pid: int, end: float, memory: list[tuple[float, float]], every_s: float = 2) -> None:
    start = time.monotonic()
    while time.monotonic() < end:
        memory.append((round(time.monotonic() - start, 1), rss_mb(pid)))
        await asyncio.sleep(every_s)


def rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


async def wait_for(url: str) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(START_S * 2):
            try:
                if (await client.get(f"{url}/healthz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.5)
    raise SystemExit("the page did not come up")


def summary(tally: Tally, memory: list, elapsed: float, n_benchmarks: int, options: Options) -> dict:
    latency = sorted(tally.seconds)
    warm = [mb for at, mb in memory if at >= min(WARM_S, options.seconds / 2)]
    tenth = max(1, len(warm) // 10)
    before, after = statistics.mean(warm[:tenth]), statistics.mean(warm[-tenth:])
    return {
        "visitors": options.visitors,
        "seconds": round(elapsed, 1),
        "passages": options.passages,
        "rankings": len(latency),
        "rankings_per_s": round(len(latency) / elapsed, 2),
        "errors": len(tally.errors),
        "first_errors": tally.errors[:5],
        "refusals": tally.refusals,
        "p50_s": round(quantile(latency, 0.50), 3),
        "p95_s": round(quantile(latency, 0.95), 3),
        "max_s": round(latency[-1], 3) if latency else None,
        "rss_mb_warm": round(before, 1),
        "rss_mb_end": round(after, 1),
        "rss_growth_percent": round(100 * (after / before - 1), 2),
        "benchmarks_meanwhile": n_benchmarks,
        "cores": os.cpu_count(),
        "load_average_at_end": round(os.getloadavg()[0], 2),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("gradio", "torch", "numpy", "starlette", "uvicorn")},
        "rss_mb": memory[:: max(1, len(memory) // 30)],
    }


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def table(result: dict) -> str:
    names = ["visitors", "seconds", "rankings", "errors", "refusals", "p50_s", "p95_s", "max_s", "rss_mb_warm"]
    names += ["rss_mb_end", "rss_growth_percent", "benchmarks_meanwhile"]
    rows = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join([*rows, "| " + " | ".join(str(result[name]) for name in names) + " |"])


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(6, 25))) + "."


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()

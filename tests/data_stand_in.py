"""A small hub on this machine that serves data sets in the layouts of their real repositories, through `HF_ENDPOINT`.

It answers what `huggingface_hub` and `datasets` ask: repository information, file trees, path information and files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MAIN = "main"


@dataclass
class Repository:
    """A data set repository.

    Attributes:
        files: Path -> content.
        commit: What every branch and the pinned revision resolve to.
    """

    files: Mapping[str, bytes]
    commit: str


@dataclass
class DataHub:
    """A running hub.

    Attributes:
        url: For `HF_ENDPOINT`.
        repositories: Hub id -> repository; may be changed while it runs.
        requests: Paths that were asked for.
    """

    url: str
    repositories: dict[str, Repository]
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def data_hub(repositories: dict[str, Repository]) -> Iterator[DataHub]:
    """Serve repositories until the end of the block."""
    hub = DataHub("", repositories)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = (
        True  # head and body are two writes: the second would wait 40 ms for an answer to the first
    )
    hub: DataHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "json" in self.headers.get("Content-Type", ""):
            wanted = json.loads(raw).get("paths", [])
        else:
            wanted = urllib.parse.parse_qs(raw.decode()).get("paths", [])
        self._answer(body=True, wanted=wanted)

    def _answer(self, *, body: bool, wanted: list[str] | None = None) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.hub.requests.append(path)
        is_api = path.startswith("/api/datasets/")
        parts = path.removeprefix("/api").removeprefix("/datasets/").strip("/").split("/")
        repository = self.hub.repositories.get("/".join(parts[:2]))
        if repository is None or not (is_api or path.startswith("/datasets/")):
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body=body)
            return
        rest = parts[2:]
        if is_api:
            self._api(repository, "/".join(parts[:2]), rest, wanted, body=body)
        elif rest[:1] == ["resolve"]:
            self._file(repository, "/".join(rest[2:]), body=body)
        else:
            self._send(404, b"", {}, body=body)

    def _api(
        self, repository: Repository, hub_id: str, rest: list[str], wanted: list[str] | None, *, body: bool
    ) -> None:
        match rest:
            case [] | ["revision", *_]:
                info = {
                    "id": hub_id,
                    "sha": repository.commit,
                    "private": False,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                    "lastModified": "2024-01-01T00:00:00.000Z",
                    "siblings": [{"rfilename": name} for name in repository.files],
                }
                self._json(info, body=body)
            case ["tree", _, *folder]:
                self._json(
                    _tree(repository, "/".join(folder), recursive="recursive=true" in self.path.lower()), body=body
                )
            case ["paths-info", *_]:
                found = [_entry(name, repository.files[name]) for name in wanted or [] if name in repository.files]
                folders = [
                    {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
                    for name in wanted or []
                    if any(file.startswith(f"{name}/") for file in repository.files)
                ]
                self._json(found + folders, body=body)
            case _:
                self._send(404, b"{}", {}, body=body)

    def _file(self, repository: Repository, name: str, *, body: bool) -> None:
        content = repository.files.get(name)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repository.commit}, body=body)
            return
        etag = hashlib.sha1(content).hexdigest()
        status, extra = 200, {"ETag": f'"{etag}"', "X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if asked := self.headers.get("Range", ""):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), int(last) + 1 if last else len(content)
            extra["Content-Range"] = f"bytes {start}-{min(stop, len(content)) - 1}/{len(content)}"
            status, content = 206, content[start:stop]
        self._send(status, content, extra, body=body)

    def _json(self, value: Any, *, body: bool) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, body=body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")  # else a stopped hub would go on answering on open connections
        self.end_headers()
        if body:
            self.wfile.write(content)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


def _tree(repository: Repository, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    prefix = f"{folder}/" if folder else ""
    inside = {name: content for name, content in repository.files.items() if name.startswith(prefix)}
    if recursive:
        return [_entry(name, content) for name, content in inside.items()]
    files = [_entry(name, content) for name, content in inside.items() if "/" not in name.removeprefix(prefix)]
    folders = {name.removeprefix(prefix).split("/")[0] for name in inside if "/" in name.removeprefix(prefix)}
    return files + [
        {"type": "directory", "path": prefix + name, "oid": "0" * 40, "size": 0} for name in sorted(folders)
    ]


# --- the three repositories of the suite, in their layouts, with small contents --------------------------------

KO_STRATEGYQA_CARD = b"""---
configs:
  - config_name: default
    data_files:
      - split: train
        path: qrels/train.jsonl
      - split: dev
        path: qrels/dev.jsonl
  - config_name: corpus
    data_files:
      - split: corpus
        path: corpus.jsonl
  - config_name: queries
    data_files:
      - split: queries
        path: queries.jsonl
---
# Ko-StrategyQA
"""
AUTORAG_CARD = b"""---
configs:
- config_name: corpus
  data_files:
  - split: corpus
    path: corpus/corpus-*
- config_name: default
  data_files:
  - split: test
    path: data/test-*
- config_name: queries
  data_files:
  - split: queries
    path: queries/queries-*
---
"""
PUBLIC_HEALTH_CARD = b"""---
configs:
- config_name: english
  data_files:
  - split: test
    path: data/english.csv
- config_name: korean
  data_files:
  - split: test
    path: data/korean.csv
---
"""


def suite_repositories(folder: Path) -> dict[str, Repository]:
    """Return the three repositories; `folder` takes the parquet files while they are written."""
    return {
        "taeminlee/Ko-StrategyQA": _ko_strategyqa(),
        "yjoonjang/markers_bm": _autorag(folder),
        "xhluca/publichealth-qa": _public_health(),
    }


def _ko_strategyqa() -> Repository:
    corpus = [
        {"_id": "김치#1", "title": "김치", "text": " 배추를 소금에 절여 만든 음식이다. "},
        {"_id": "김치#2", "title": "김치", "text": "겨울에 먹으려고 늦가을에 담근다."},
        {"_id": "한강#1", "title": "", "text": "서울을 가로질러 서해로 흐르는 강이다."},
        {"_id": "세종#1", "title": "세종", "text": "훈민정음을 만든 조선의 임금이다."},
    ]
    queries = [
        {"_id": "q-train", "text": "연습 질문인가요?"},
        {"_id": "q1", "text": "김치는 배추로 만드나요?"},
        {"_id": "q2", "text": "세종은 한강에 살았나요?"},
    ]
    dev = [
        {"query-id": "q1", "corpus-id": "김치#1", "score": 1},
        {"query-id": "q1", "corpus-id": "김치#2", "score": 1},
        {"query-id": "q2", "corpus-id": "세종#1", "score": 1},
        {"query-id": "q2", "corpus-id": "한강#1", "score": 1},
    ]
    train = [{"query-id": "q-train", "corpus-id": "한강#1", "score": 1}]
    files = {
        "README.md": KO_STRATEGYQA_CARD,
        "corpus.jsonl": _jsonl(corpus),
        "queries.jsonl": _jsonl(queries),
        "qrels/dev.jsonl": _jsonl(dev),
        "qrels/dev.tsv": b"query-id\tcorpus-id\tscore\nq1\tother\t1\n",
        "qrels/train.jsonl": _jsonl(train),
    }
    return Repository(files, "d243889a3eb6654029dbd7e7f9319ae31d58f97c")


def _autorag(folder: Path) -> Repository:
    corpus = [
        {"_id": f"finance - {n}.pdf", "text": f"{word} 이야기 {n}쪽", "title": ""}
        for n, word in enumerate(("은행", "금리", "환율"))
    ]
    queries = [{"_id": "0_finance", "text": "금리 이야기는 어디에 있나요?"}, {"_id": "1_law", "text": "환율은?"}]
    qrels = [
        {"query-id": "0_finance", "corpus-id": "finance - 1.pdf", "score": 1.0},
        {"query-id": "1_law", "corpus-id": "finance - 2.pdf", "score": 1.0},
    ]
    files = {
        "README.md": AUTORAG_CARD,
        "corpus/corpus-00000-of-00001.parquet": _parquet(folder, corpus),
        "data/test-00000-of-00001.parquet": _parquet(folder, qrels),
        "queries/queries-00000-of-00001.parquet": _parquet(folder, queries),
    }
    return Repository(files, "fd7df84ac089bbec763b1c6bb1b56e985df5cc5c")


def _public_health() -> Repository:
    korean = (
        "source,question,answer,language\n"
        'WHO,손은 언제 씻나요?,"외출 뒤, 식사 전에 씻습니다.",ko\n'
        "WHO,마스크는 왜 쓰나요?,침방울을 막습니다.,ko\n"
        "WHO,마스크는 무엇을 막나요?,침방울을 막습니다.,ko\n"
        "WHO,답이 없는 질문?,,ko\n"
        'CDC,열이 나면 어떻게 하나요?,"집에서 쉬고, 검사를 받습니다.",ko\n'
    )
    files = {
        "README.md": PUBLIC_HEALTH_CARD,
        "data/english.csv": b"source,question,answer,language\nWHO,When?,Then.,en\n",
        "data/korean.csv": korean.encode(),
    }
    return Repository(files, "3b67b6b0000000000000000000000000000000ab")


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _parquet(folder: Path, rows: list[dict[str, Any]]) -> bytes:
    path = folder / "table.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path.read_bytes()

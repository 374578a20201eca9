"""A small HTTP server that answers as the model hub does, and can be told to misbehave."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class HubStandIn:
    """What the server has, what it was asked, and how it misbehaves.

    Attributes:
        models: Folders by hub id; each is served at exactly one revision.
        revisions: The commit of each model.
        fault: None, "404", "500", "slow" (drips its answer), "hang" (never answers), "truncated" (weights break off).
        requests: Method and path of every request.
    """

    models: dict[str, Path]
    revisions: dict[str, str]
    fault: str | None = None
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def listing(self, hub_id: str) -> dict[str, Any]:
        files = [path for path in sorted(self.models[hub_id].rglob("*")) if path.is_file()]
        siblings = [
            {
                "rfilename": path.relative_to(self.models[hub_id]).as_posix(),
                "size": path.stat().st_size,
                "blobId": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in files
        ]
        return {"id": hub_id, "modelId": hub_id, "sha": self.revisions[hub_id], "siblings": siblings, "tags": []}


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = (
        True  # head and body are two writes: the second would wait 40 ms for an answer to the first
    )
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Keep the test output quiet."""

    def _answer(self, *, body: bool) -> None:
        hub = self.server.hub
        path = unquote(urlsplit(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        if hub.fault == "hang":
            time.sleep(30)
        if hub.fault == "500":
            return self._send(500, b"{}", body=body)
        if hub.fault == "404":
            return self._send(404, b"{}", body=body, extra={"X-Error-Code": "RepoNotFound"})
        listing = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
        if listing:
            return self._listing(listing[1], listing[2], body=body)
        tree = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path)
        if tree and hub.revisions.get(tree[1]) == tree[2]:
            entries = [
                {"type": "file", "path": sibling["rfilename"], "size": sibling["size"], "oid": sibling["blobId"]}
                for sibling in hub.listing(tree[1])["siblings"]
            ]
            return self._send(200, json.dumps(entries).encode(), body=body)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if file:
            return self._file(*file.groups(), body=body)
        return self._send(404, b"{}", body=body)

    def _listing(self, hub_id: str, revision: str | None, *, body: bool) -> None:
        hub = self.server.hub
        if hub_id not in hub.models:
            return self._send(404, b"{}", body=body, extra={"X-Error-Code": "RepoNotFound"})
        if revision not in (None, "main", hub.revisions[hub_id]):
            return self._send(404, b"{}", body=body, extra={"X-Error-Code": "RevisionNotFound"})
        content = json.dumps(hub.listing(hub_id)).encode()
        return self._send(200, content, body=body, drip=hub.fault == "slow")

    def _file(self, hub_id: str, revision: str, name: str, *, body: bool) -> None:
        hub = self.server.hub
        path = hub.models.get(hub_id, Path("/nonexistent")) / name
        if revision != hub.revisions.get(hub_id) or not path.is_file():
            return self._send(404, b"{}", body=body, extra={"X-Error-Code": "EntryNotFound"})
        content = path.read_bytes()
        extra = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": revision,
            "Accept-Ranges": "bytes",
        }
        start = 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted:
            start = int(wanted[1])
            extra["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        truncated = hub.fault == "truncated" and name.endswith(".safetensors")
        return self._send(206 if wanted else 200, content[start:], body=body, extra=extra, truncated=truncated)

    def _send(
        self,
        status: int,
        content: bytes,
        *,
        body: bool,
        extra: dict[str, str] | None = None,
        drip: bool = False,
        truncated: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        try:
            if truncated:
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            elif drip:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.2)
            else:
                self._write_in_pieces(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _write_in_pieces(self, content: bytes) -> None:
        size = max(1, len(content) // 8)
        for start in range(0, len(content), size):
            self.wfile.write(content[start : start + size])
            time.sleep(self.server.hub.delay)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: HubStandIn


@contextmanager
def serve(models: dict[str, Path], revisions: dict[str, str]) -> Iterator[HubStandIn]:
    """Serve model folders on a free port of the loopback address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = HubStandIn(models, revisions, url=f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()

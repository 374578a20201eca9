"""A small HTTP server that answers as OpenAI's `/v1/embeddings` is written, and can be told to misbehave."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

Embed = Callable[[Sequence[str]], np.ndarray]
HANG_S = 1.0
Tamper = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Fault:
    """One request's mishap.

    Attributes:
        status: What is answered instead of 200.
        headers: Sent with it.
        message: The error's words.
        tamper: Changes a right answer before it is sent.
        hang_s: Seconds before anything is sent.
        drip_s: Seconds before each byte of the body.
        cut: Whether the body breaks off half-way, its length announced in full ("stream") or as it is ("body").
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    message: str = "told to fail"
    tamper: Tamper | None = None
    hang_s: float = 0.0
    drip_s: float = 0.0
    cut: str = ""


@dataclass
class EmbeddingServer:
    """What the server computes, what it was asked, and how it misbehaves.

    Attributes:
        embed: Texts to vectors, as the weights behind the server give them.
        models: What `/v1/models` lists; None answers 404, as servers without such a list do.
        key: Bearer token that it wants; empty takes all.
        formats: Forms of vectors that it knows; others are refused with 400.
        max_texts: Most texts of a request.
        too_many: What a request of more texts is answered with.
        patient_texts: Most texts that it computes before anyone gives up; with more it hangs.
        answers_as: What it calls its model; None repeats the name that was asked for.
        faults: Taken one a request of embeddings, first first.
        always: A fault of every request once `faults` is empty.
        delay_s: Function of the request's number to seconds before its answer.
        with_usage: Whether it counts tokens: one a character and two a text.
    """

    embed: Embed
    models: list[dict[str, Any]] | None = None
    key: str = ""
    formats: tuple[str, ...] = ("float", "base64")
    max_texts: int = 2_048
    too_many: int = 400
    patient_texts: int = 2_048
    answers_as: str | None = None
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    delay_s: Callable[[int], float] = lambda _n: 0.0
    with_usage: bool = True
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def texts(self) -> list[str]:
        """Return all texts in the order in which they came, those of refused requests too."""
        return [text for request in self.requests for text in request["input"]]

    def forget(self) -> None:
        """Forget what was asked so far: opening an encoder asks too."""
        self.requests.clear()
        self.headers.clear()


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = (
        True  # head and body are two writes: the second would wait 40 ms for an answer to the first
    )
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        service = self.server.service
        if self.path != "/v1/models" or service.models is None:
            return self._error(404, "no such path")
        return self._send(200, json.dumps({"object": "list", "data": service.models}).encode())

    def do_POST(self) -> None:
        service = self.server.service
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with service.lock:
            number = len(service.requests)
            service.requests.append(body)
            service.headers.append({name.lower(): value for name, value in self.headers.items()})
            fault = service.faults.pop(0) if service.faults else service.always
            service.under_way += 1
            service.most_under_way = max(service.most_under_way, service.under_way)
        try:
            time.sleep(service.delay_s(number))
            self._answer(body, fault or Fault())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with service.lock:
                service.under_way -= 1

    def log_message(self, *_: object) -> None:
        """Keep the test output quiet."""

    def _answer(self, body: dict[str, Any], fault: Fault) -> None:
        service = self.server.service
        texts, form = body["input"], body.get("encoding_format", "float")
        time.sleep(fault.hang_s)
        if self.path != "/v1/embeddings":
            return self._error(404, "no such path")
        if service.key and self.headers.get("Authorization") != f"Bearer {service.key}":
            return self._error(401, f"Incorrect API key provided: {self.headers.get('Authorization')}")
        if fault.status != 200:
            return self._error(fault.status, fault.message, dict(fault.headers))
        if len(texts) > service.max_texts:
            return self._error(service.too_many, f"batch size is invalid, not larger than {service.max_texts}")
        if form not in service.formats or not all(texts):
            return self._error(400, "encoding_format or an empty text")
        if len(texts) > service.patient_texts:
            time.sleep(HANG_S)
        answer = self._right_answer(body, form)
        content = json.dumps(fault.tamper(answer) if fault.tamper else answer).encode()
        return self._send(200, content, dict(fault.headers), cut=fault.cut, drip_s=fault.drip_s)

    def _right_answer(self, body: dict[str, Any], form: str) -> dict[str, Any]:
        service = self.server.service
        rows = np.asarray(service.embed(body["input"]), dtype="<f4")
        shown = [base64.b64encode(row.tobytes()).decode() if form == "base64" else row.tolist() for row in rows]
        data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(shown)]
        answer: dict[str, Any] = {"object": "list", "data": data, "model": service.answers_as or body["model"]}
        if service.with_usage:
            n_tokens = sum(len(text) + 2 for text in body["input"])
            answer["usage"] = {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
        return answer

    def _error(self, status: int, words: str, headers: dict[str, str] | None = None) -> None:
        body = {"error": {"message": words, "type": "error", "param": None, "code": status}}
        self._send(status, json.dumps(body).encode(), headers)

    def _send(
        self, status: int, content: bytes, headers: dict[str, str] | None = None, *, cut: str = "", drip_s: float = 0.0
    ) -> None:
        half = content[: len(content) // 2]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(half if cut == "body" else content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if drip_s:
            for byte in content:
                time.sleep(drip_s)
                self.wfile.write(bytes([byte]))
            return
        self.wfile.write(half if cut else content)
        if cut:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    service: EmbeddingServer


@contextmanager
def serve_embeddings(embed: Embed) -> Iterator[EmbeddingServer]:
    """Serve vectors on a free port of the loopback address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.service = EmbeddingServer(embed, url=f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.service
    finally:
        server.shutdown()
        server.server_close()

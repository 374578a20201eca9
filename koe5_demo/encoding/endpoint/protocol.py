"""What is written to a server and what it answers: the name `endpoint:URL[#model]`, and the body of an answer.

Asks nothing itself.
"""

from __future__ import annotations

import base64
import binascii
import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

import numpy as np

from koe5_demo.errors import EndpointError
from koe5_demo.records import FloatArray, ModelInfo, Role

SCHEME: Final = "endpoint:"
READABLE: Final = "/:@ ._-{}\"'[]"
"""Characters of a field's value that are shown as they are; commas and ampersands part values and fields."""


@dataclass(frozen=True)
class Address:
    """Where a server is and which of its models is meant.

    Attributes:
        url: Base of the API, without user name, password and trailing slash: http://host:port/v1.
        name: The model's name on the server; empty when none was given.
        passage_name: The name for passages, where `name` is the one for queries; else empty.
        query_body, passage_body: What is added to the bodies of requests.
        userinfo: `user:password` of the address for servers behind HTTP basic authentication; never shown.
    """

    url: str
    name: str
    passage_name: str = ""
    query_body: Mapping[str, object] = field(default_factory=dict)
    passage_body: Mapping[str, object] = field(default_factory=dict)
    userinfo: str = field(default="", repr=False)

    @property
    def tells_roles(self) -> bool:
        """Return whether the server is told what a text is, so that it can add a prefix itself."""
        return bool(self.passage_name) or self.query_body != self.passage_body

    @property
    def model(self) -> str:
        """Return what stands behind the # of the address: name or names, and fields."""
        names = ",".join(name for name in (self.name, self.passage_name) if name)
        keys = dict.fromkeys([*self.query_body, *self.passage_body])
        fields = "&".join(f"{quote(key, safe='')}={self._values(key)}" for key in keys)
        return f"{names}?{fields}" if fields else names

    def asked(self, role: Role) -> tuple[str, Mapping[str, object]]:
        """Return (name, additions to the body) of requests; a text without a role is asked for as a passage."""
        if role is Role.QUERY:
            return self.name, self.query_body
        return self.passage_name or self.name, self.passage_body

    def _values(self, key: str) -> str:
        shown = [_shown_value(body[key]) if key in body else "" for body in (self.query_body, self.passage_body)]
        return shown[0] if shown[0] == shown[1] else ",".join(shown)


def is_endpoint(name: str) -> bool:
    """Return whether a model's name means a server."""
    return name.startswith(SCHEME)


def shown_name(name: str) -> str:
    """Return a model's name as it may be shown and logged: user name and password of an address are taken out.

    >>> shown_name("endpoint:http://me:secret@host:8080#koe5")
    'endpoint:http://host:8080#koe5'
    >>> shown_name("koe5")
    'koe5'
    """
    if not is_endpoint(name):
        return name
    # Up to the last @, not only inside the host: a password with a slash makes a broken address, and that is shown too.
    address, mark, model = name.partition("#")
    before, _, after = address.rpartition("@")
    start = "//".join([before.partition("//")[0], ""]) if "//" in before else SCHEME if before else ""
    return start + after + mark + model


def parse_address(name: str) -> Address:
    """Read `endpoint:URL[#model]`. A URL without a path means the usual one, /v1.

    The model is `NAME`, or `QUERY-NAME,PASSAGE-NAME` where the server has a name for each, and may be followed by
    `?FIELD=VALUE&...`: additions to the body of each request. `FIELD=QUERY-VALUE,PASSAGE-VALUE` tells them apart.

    >>> parse_address("endpoint:http://host:8080#koe5").url
    'http://host:8080/v1'
    >>> parse_address("endpoint:http://host#e5?input_type=query,passage").query_body
    {'input_type': 'query'}

    Raises:
        EndpointError: If it is no http or https URL, or holds what such an address cannot have.
    """
    raw, _, model = name.removeprefix(SCHEME).partition("#")
    try:
        parts = urlsplit(raw)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_address(name, "port or host") from error
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_address(name, "no http:// or https:// address")
    if parts.query or any(char.isspace() or not char.isprintable() for char in raw):
        raise _bad_address(name, "blank or ?query")
    where = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/embeddings") if parts.path.strip("/") else "/v1"
    clean = SplitResult(parts.scheme, where if port is None else f"{where}:{port}", path, "", "")
    names, _, fields = model.partition("?")
    first, comma, second = (part.strip() for part in names.partition(","))
    if comma and not (first and second):
        raise _bad_address(name, "one of two model names is empty")
    query_body, passage_body = _bodies(name, fields)
    userinfo = unquote(parts.netloc.rpartition("@")[0])
    return Address(urlunsplit(clean), first, second, query_body, passage_body, userinfo)


def model_address(info: ModelInfo) -> str:
    """Return the name that opens the server of a model again, without user name and password."""
    return f"{SCHEME}{info.device}/embeddings#{info.id.removeprefix(SCHEME)}"


def _bodies(name: str, fields: str) -> tuple[dict[str, object], dict[str, object]]:
    query: dict[str, object] = {}
    passage: dict[str, object] = {}
    for piece in fields.split("&") if fields else ():
        key, mark, values = piece.partition("=")
        if not key or not mark:
            raise _bad_address(name, f"{piece!r} is no FIELD=VALUE")
        first, comma, second = values.partition(",")
        for body, value in ((query, first), (passage, second if comma else first)):
            if value:
                body[unquote(key)] = _read_value(unquote(value))
    return query, passage


def _read_value(text: str) -> object:
    """Return a number, truth value, list or object where the text is JSON, else the text itself."""
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _shown_value(value: object) -> str:
    bare = isinstance(value, str) and bool(value) and _read_value(value) == value
    return quote(str(value) if bare else json.dumps(value, ensure_ascii=False), safe=READABLE)


def _bad_address(name: str, reason: str) -> EndpointError:
    return EndpointError("endpoint_bad_address", value=shown_name(name), reason=reason)


@dataclass(frozen=True)
class Answer:
    """What one request gave.

    Attributes:
        vectors: (n, dimensions) float32 in the order of the texts, of the server's length, finite and not zero.
        n_tokens: Tokens of all texts together as the server counts them; 0 if it does not say.
        model: What the server calls the model that answered; empty if it does not say.
    """

    vectors: FloatArray
    n_tokens: int
    model: str = ""


def read_answer(content: bytes, n_texts: int, url: str) -> Answer:
    """Read the body of an answer, numbers or base64, and put its vectors in the order of the texts.

    Where no entry has an index, the order of the entries is the order of the texts.

    Raises:
        EndpointError: If it is no such answer, or a vector is missing, of another width, not finite, or zero.
    """
    body = _parsed(content, url)
    data = body["data"]
    if len(data) != n_texts:
        raise EndpointError("endpoint_wrong_count", url=url, expected=n_texts, found=len(data))
    try:
        unordered = all(item.get("index") is None for item in data)
        places = list(range(n_texts)) if unordered else [operator.index(item["index"]) for item in data]
        rows = [_row(item["embedding"]) for item in data]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise broken_answer(url, "an entry has no index or no embedding") from error
    if sorted(places) != list(range(n_texts)):
        raise broken_answer(url, "indices repeat or are missing")
    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        shown = ", ".join(map(str, sorted(widths)))
        raise EndpointError("endpoint_wrong_dimensions", url=url, expected=len(rows[0]), found=shown)
    vectors = np.empty((n_texts, widths.pop()), dtype=np.float32)
    vectors[places] = rows
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    bad = int((~np.isfinite(lengths) | (lengths == 0)).sum())
    if bad:
        raise EndpointError("endpoint_bad_vectors", url=url, n=bad)
    model = body.get("model")
    return Answer(vectors, _n_tokens(body.get("usage")), model if isinstance(model, str) else "")


def joined(answers: list[Answer], url: str) -> Answer:
    """Return the answers to neighbouring parts of a list of texts as one.

    Raises:
        EndpointError: If their vectors differ in width.
    """
    widths = sorted({answer.vectors.shape[1] for answer in answers})
    if len(widths) != 1:
        expected = answers[0].vectors.shape[1]
        found = ", ".join(map(str, widths))
        raise EndpointError("endpoint_wrong_dimensions", url=url, expected=expected, found=found)
    counts = [answer.n_tokens for answer in answers]
    vectors = np.concatenate([answer.vectors for answer in answers])
    return Answer(vectors, sum(counts) if all(counts) else 0, answers[0].model)


def _parsed(content: bytes, url: str) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise broken_answer(url, "it is no JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise broken_answer(url, "it has no list `data`")
    return body


def _n_tokens(usage: object) -> int:
    if not isinstance(usage, dict):
        return 0
    counts = (usage.get("prompt_tokens"), usage.get("total_tokens"))
    return next((count for count in counts if isinstance(count, int) and count > 0), 0)


def _row(embedding: object) -> FloatArray:
    if isinstance(embedding, str):
        try:
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32)
        except binascii.Error as error:
            raise ValueError("broken base64") from error
    with np.errstate(over="ignore"):  # what does not fit becomes infinity and is refused below
        row = np.asarray(embedding, dtype=np.float32)
    if row.ndim != 1:
        raise ValueError("an embedding is a list of numbers")
    return row


def broken_answer(url: str, reason: str) -> EndpointError:
    """Return the error of an answer that cannot be read, to be raised."""
    return EndpointError("endpoint_broken_answer", url=url, reason=reason)


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return rows at length 1, (n, d) float32; none may be zero. Rows that have length 1 already hardly move."""
    wide = vectors.astype(np.float64)
    rows: FloatArray = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
    return rows

"""What a server answered: the body of one answer, read and checked. Asks nothing itself."""

from __future__ import annotations

import base64
import binascii
import json
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from koe5_demo.errors import EndpointError
from koe5_demo.records import FloatArray


@dataclass(frozen=True)
class Answer:
    """What one request gave.

    Attributes:
        vectors: (n, dimensions) float32 in the order of the texts, of the server's length, finite and not zero.
        n_tokens: Tokens of all texts together as the server counts them; 0 if it does not say.
    """

    vectors: FloatArray
    n_tokens: int


def read_answer(content: bytes, n_texts: int, url: str) -> Answer:
    """Read the body of an answer, numbers or base64, and put its vectors in the order of the texts.

    Raises:
        EndpointError: If it is no such answer, or a vector is missing, of another width, not finite, or zero.
    """
    data, n_tokens = _parsed(content, url)
    if len(data) != n_texts:
        raise EndpointError("endpoint_wrong_count", url=url, expected=n_texts, found=len(data))
    try:
        places = [operator.index(item["index"]) for item in data]
        rows = [_row(item["embedding"]) for item in data]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise broken_answer(url, "an entry has no index or no embedding") from error
    if sorted(places) != list(range(n_texts)):
        raise broken_answer(url, "indices repeat or are missing")
    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        shown = ", ".join(map(str, sorted(widths)))
        raise EndpointError("endpoint_wrong_dimensions", url=url, expected=len(rows[0]), found=shown)
    vectors = np.empty((n_texts, widths.pop()), dtype=np.float32)
    vectors[places] = rows
    return Answer(_checked(vectors, url), n_tokens)


def _parsed(content: bytes, url: str) -> tuple[list[Any], int]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise broken_answer(url, "it is no JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise broken_answer(url, "it has no list `data`")
    usage = body.get("usage")
    n_tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return body["data"], n_tokens if isinstance(n_tokens, int) and n_tokens > 0 else 0


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


def _checked(vectors: FloatArray, url: str) -> FloatArray:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    bad = int((~np.isfinite(lengths) | (lengths == 0)).sum())
    if bad:
        raise EndpointError("endpoint_bad_vectors", url=url, n=bad)
    return vectors


def broken_answer(url: str, reason: str) -> EndpointError:
    """Return the error of an answer that cannot be read, to be raised."""
    return EndpointError("endpoint_broken_answer", url=url, reason=reason)


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return rows at length 1, (n, d) float32; none may be zero. Rows that have length 1 already hardly move."""
    wide = vectors.astype(np.float64)
    rows: FloatArray = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
    return rows

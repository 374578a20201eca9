"""Test doubles whose answers can be worked out by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from koe5_demo.prompts import with_prompts
from koe5_demo.records import Encoded, IntArray, ModelInfo, OnProgress, Prompts, Role


def until(done: Callable[[], bool], within_s: float = 60, *, breath_s: float = 0.1) -> None:
    """Ask again and again, with a breath between, until it is so."""
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(breath_s)


WORDS = ("서울", "부산", "수도", "바다", "산")


class WordCountEncoder:
    """Counts five words; a text's vector is its counts at length 1, and (1, 1, 1, 1, 1) / sqrt(5) where it has none."""

    def __init__(self, *, max_tokens: int = 8, fingerprint: str = "words", prompts: Prompts | None = None) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.info = ModelInfo(
            id="words",
            hub_id=None,
            revision="0",
            engine="counting",
            dtype="float32",
            device="cpu",
            dimensions=len(WORDS),
            max_tokens=max_tokens,
            prompts=prompts or Prompts("query: ", "passage: "),
            fingerprint=fingerprint,
        )

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        self.calls.append(tuple(texts))
        counts = np.array([[text.count(word) for word in WORDS] for text in texts], dtype=np.float32)
        counts = counts.reshape(len(texts), len(WORDS))
        counts[counts.sum(axis=1) == 0] = 1.0
        if on_progress is not None:
            on_progress(len(texts), len(texts))
        vectors = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return Encoded(vectors, self.count_tokens(texts, role), self.info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        sent = with_prompts(texts, role, self.info.prompts)
        return np.array([len(text.split()) for text in sent], dtype=np.int64)


SAME_SCORE = 1e-6
"""How far two runs may differ in float32: batches and layouts of the weights differ, and so does the order of sums."""
SAME_VALUE = 2e-4
"""The same for percentiles, in percent, and places on the map, which such a difference moves further."""


def alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, numbers but for float32's last digits."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= SAME_VALUE
    return bool(one == other)

"""An encoder whose vectors can be worked out by hand: it counts the letters of a small alphabet."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from koe5_demo.encoding.host import ModelState, Phase
from koe5_demo.records import Encoded, Encoder, IntArray, ModelInfo, OnProgress, Prompts, Role

LETTERS = "abcdefgh"


class LetterCounter:
    """Vector = counts of the letters a-h, made unit length; a text without them points at the last dimension.

    Attributes:
        encoded: Every text that was really encoded, in order.
    """

    def __init__(self, *, id_: str = "letters", seconds_a_text: float = 0.0, device: str = "cpu") -> None:
        self.encoded: list[str] = []
        self._seconds = seconds_a_text
        self._info = ModelInfo(
            id=id_,
            hub_id=None,
            revision="0123456789ab",
            engine="letter counter",
            dtype="float32",
            device=device,
            dimensions=len(LETTERS) + 1,
            max_tokens=6,
            prompts=Prompts("query: ", "passage: "),
            fingerprint=f"letters-1-{id_}",
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        self.encoded.extend(texts)
        time.sleep(self._seconds * len(texts))
        return Encoded(letter_vectors(texts), self.count_tokens(texts, role), self._info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        return np.array([len(text) for text in texts], dtype=np.int64)


def letter_vectors(texts: Sequence[str]) -> np.ndarray:
    counts = np.array([[text.count(letter) for letter in LETTERS] + [0] for text in texts], dtype=np.float32)
    counts = counts.reshape(len(texts), len(LETTERS) + 1)
    counts[counts.sum(axis=1) == 0, -1] = 1
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class ReadyHost:
    """Models that are there at once."""

    names = ("letters",)
    serving = "letters"

    def state(self, name: str) -> ModelState:
        return ModelState(name, Phase.READY)

    def encoder(self, name: str) -> Encoder:
        return LetterCounter(id_=name)

    def exact_encoder(self, name: str, dtype: str | None) -> Encoder:
        return LetterCounter(id_=name)

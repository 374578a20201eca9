"""The engine of the embedded model: its `NgramEmbedding` without what sentence-transformers does around it.

Many short texts are added up in one go, words are split once for vectors and counts alike, and nothing is padded,
sorted or moved between devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.ngram import NgramEmbedding
from koe5_demo.encoding.token_vectors import ngram_token_vectors
from koe5_demo.prompts import with_prompt, with_prompts
from koe5_demo.records import Encoded, IntArray, ModelInfo, OnProgress, Role, TokenVectors

ENGINE_NAME: Final = "embedded"
WORDS_PER_CHUNK: Final = 65_536
"""Bounds the working memory, some 100 MB; the more words at a time, the fewer of them are different."""


def supports(model: SentenceTransformer) -> str | None:
    """Return in a few words why this engine can not run `model`, or None if it can."""
    kinds = [type(module).__name__ for module in model]
    if isinstance(model[0], NgramEmbedding) and set(kinds[1:]) <= {"Normalize"}:
        return None
    return "modules " + ", ".join(kinds)


@dataclass(frozen=True)
class _Chunk:
    """Texts that are encoded together: their roles, their words as far as the model reads, and how many they have."""

    roles: list[str]
    words: list[list[str]]
    n_words: list[int]


class EmbeddedEncoder:
    """An `Encoder` of the embedded model. Safe with threads.

    Args:
        model: A model for which `supports` returns None.
        info: What the model is; its limit counts words.
    """

    def __init__(self, model: SentenceTransformer, info: ModelInfo) -> None:
        reason = supports(model)
        if reason is not None or not isinstance(model[0], NgramEmbedding):
            raise ValueError(f"the embedded engine cannot run this model: {reason}")
        self._model = model
        self._module = model[0]
        self._info = info

    @property
    def info(self) -> ModelInfo:
        """Return what this encoder is."""
        return self._info

    @property
    def model(self) -> SentenceTransformer:
        """Return the model itself, for explanations that look inside."""
        return self._model

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`. Progress counts texts."""
        vectors = np.empty((len(texts), self._info.dimensions), dtype=np.float32)
        n_tokens = np.empty(len(texts), dtype=np.int64)
        done = 0
        for chunk in self._chunks(with_prompts(texts, role, self._info.prompts)):
            end = done + len(chunk.words)
            features = self._module.add_up(chunk.roles, chunk.words)
            vectors[done:end] = self._module(features)["sentence_embedding"].numpy()
            n_tokens[done:end] = chunk.n_words
            done = end
            if on_progress is not None:
                on_progress(done, len(texts))
        return Encoded(vectors, n_tokens, self._info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) words of each text, the prompt not included, before any cut."""
        sent = with_prompts(texts, role, self._info.prompts)
        return np.asarray(self._module.count_tokens(sent), dtype=np.int64)

    def encode_tokens(self, text: str, role: Role) -> TokenVectors:
        """Take the vector of one bare text apart; see `koe5_demo.records.TokenEncoder`."""
        return ngram_token_vectors(self._module, with_prompt(text, role, self._info.prompts))

    def _chunks(self, texts: list[str]) -> Iterator[_Chunk]:
        """Yield as many texts at a time as have about `WORDS_PER_CHUNK` words."""
        limit = self._module.max_seq_length
        roles, words = self._module.read(texts)
        ends = np.cumsum([min(len(text), limit) for text in words])
        start = 0
        while start < len(texts):
            before = ends[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(ends, before + WORDS_PER_CHUNK, side="right")))
            part = words[start:end]
            yield _Chunk(roles[start:end], [text[:limit] for text in part], [len(text) for text in part])
            start = end

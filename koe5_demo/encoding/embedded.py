"""The engine of the embedded model: the vectors that its `NgramEmbedding` gives through sentence-transformers.

It knows neither torch nor sentence-transformers, so that a page or a command answers before those are imported. What a
word adds is worked out once and kept, many texts are added up in one go, and words are split once for vectors and
counts alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from koe5_demo.encoding.ngram_model import NgramModel
from koe5_demo.encoding.ngram_sums import WordHalves, count_words
from koe5_demo.encoding.ngram_tokenizer import word_spans
from koe5_demo.encoding.text_tokens import SPECIAL_SPAN
from koe5_demo.prompts import with_prompt, with_prompts
from koe5_demo.records import Encoded, FloatArray, IntArray, ModelInfo, OnProgress, Role, TokenVectors

ENGINE_NAME: Final = "embedded"
MODULE: Final = "koe5_demo.encoding.ngram.NgramEmbedding"
WORDS_PER_CHUNK: Final = 16_384
"""Bounds the working memory, and keeps the rows of a chunk's words in cache."""
KNOWN_WORDS: Final = 65_536
FIRST_ROWS: Final = 1024


def holds_embedded_model(folder: Path) -> bool:
    """Whether a model's folder is the embedded model's: its only module, but for a Normalize, is `NgramEmbedding`."""
    try:
        first, *others = json.loads((folder / "modules.json").read_text("utf-8"))
        return bool(first["type"] == MODULE and all(other["type"].endswith(".Normalize") for other in others))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_model(folder: Path) -> NgramModel:
    """Read the embedded model's module from a folder that holds it.

    Raises:
        OSError: If a file is not there.
        ValueError: If one is broken.
    """
    module = json.loads((folder / "modules.json").read_text("utf-8"))[0]
    return NgramModel.load(folder / str(module["path"]))


class _Stack:
    """Rows that are added at the end of a buffer that doubles; what was read of it before stays as it was."""

    def __init__(self, like: npt.NDArray[Any]) -> None:
        self._buffer = np.empty((FIRST_ROWS, *like.shape[1:]), like.dtype)
        self._n = 0

    def add(self, rows: npt.NDArray[Any]) -> None:
        n = self._n + len(rows)
        if n > len(self._buffer):  # a new buffer, so that views of the old one keep their rows
            buffer = np.empty((max(n, 2 * len(self._buffer)), *self._buffer.shape[1:]), self._buffer.dtype)
            buffer[: self._n] = self._buffer[: self._n]
            self._buffer = buffer
        self._buffer[self._n : n] = rows
        self._n = n

    @property
    def filled(self) -> npt.NDArray[Any]:
        return self._buffer[: self._n]


class WordTable:
    """What words add to a text, worked out when a word is first seen. Safe with threads.

    Args:
        model: The embedded model.
        capacity: Words to remember before starting afresh; a chunk with more different words is still served.
    """

    def __init__(self, model: NgramModel, capacity: int = KNOWN_WORDS) -> None:
        self._model = model
        self._capacity = capacity
        self._lock = Lock()
        self._forget()

    def __len__(self) -> int:
        """Return how many words are remembered."""
        return len(self._places)

    def of(self, words: Sequence[str]) -> tuple[IntArray, WordHalves]:
        """Return (n,) places of words as written in a text, which may repeat, and what the words there add."""
        with self._lock:
            if missing := [word for word in dict.fromkeys(words) if word not in self._places]:
                if len(self) + len(missing) > self._capacity:
                    self._forget()
                    missing = list(dict.fromkeys(words))
                self._add(missing)
            ids = np.fromiter(map(self._places.__getitem__, words), dtype=np.int64, count=len(words))
            return ids, WordHalves(**{name: stack.filled for name, stack in self._stacks.items()})

    def _forget(self) -> None:
        none = self._model.halves([])
        self._places: dict[str, int] = {}
        self._stacks = {part.name: _Stack(getattr(none, part.name)) for part in fields(WordHalves)}

    def _add(self, words: Sequence[str]) -> None:
        halves = self._model.halves(words)
        halves = replace(halves, starts=halves.starts + len(self._stacks["coordinates"].filled))
        for name, stack in self._stacks.items():
            stack.add(getattr(halves, name))
        self._places.update(zip(words, range(len(self), len(self) + len(words)), strict=True))


@dataclass(frozen=True)
class _Chunk:
    """Texts that are encoded together: their roles, their words as far as the model reads, and how many they have."""

    roles: list[str]
    words: list[list[str]]
    n_words: list[int]


class EmbeddedEncoder:
    """An `Encoder` of the embedded model. Safe with threads.

    Args:
        model: The model; its `max_words` is the limit in `info`.
        info: What the model is; its limit counts words.
    """

    def __init__(self, model: NgramModel, info: ModelInfo) -> None:
        self._model = model
        self._info = info
        self._table = WordTable(model)

    @property
    def info(self) -> ModelInfo:
        """Return what this encoder is."""
        return self._info

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`. Progress counts texts."""
        vectors = np.empty((len(texts), self._info.dimensions), dtype=np.float32)
        n_tokens = np.empty(len(texts), dtype=np.int64)
        done = 0
        for chunk in self._chunks(with_prompts(texts, role, self._info.prompts)):
            end = done + len(chunk.words)
            vectors[done:end] = self._vectors(chunk)
            n_tokens[done:end] = chunk.n_words
            done = end
            if on_progress is not None:
                on_progress(done, len(texts))
        return Encoded(vectors, n_tokens, self._info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) words of each text, the prompt not included, before any cut."""
        sent = with_prompts(texts, role, self._info.prompts)
        return np.asarray(self._model.count_words(sent), dtype=np.int64)

    def encode_tokens(self, text: str, role: Role) -> TokenVectors:
        """Take the vector of one bare text apart; see `koe5_demo.records.TokenEncoder`."""
        return ngram_token_vectors(self._model, with_prompt(text, role, self._info.prompts))

    def _chunks(self, sent: list[str]) -> Iterator[_Chunk]:
        """Yield as many texts at a time as have about `WORDS_PER_CHUNK` words."""
        limit = self._model.max_words
        roles, words = self._model.read(sent)
        ends = np.cumsum([min(len(text), limit) for text in words])
        start = 0
        while start < len(sent):
            before = ends[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(ends, before + WORDS_PER_CHUNK, side="right")))
            part = words[start:end]
            yield _Chunk(roles[start:end], [text[:limit] for text in part], [len(text) for text in part])
            start = end

    def _vectors(self, chunk: _Chunk) -> FloatArray:
        ids, halves = self._table.of(list(chain.from_iterable(chunk.words)))
        return self._model.mix(halves, count_words(ids, [len(text) for text in chunk.words]), chunk.roles)


def ngram_token_vectors(model: NgramModel, sent: str) -> TokenVectors:
    """Take the vector of a text as sent to the embedded model apart: a row a word, none for the prompt.

    A text without words has one row, marked as special: the direction that stands for such texts.
    """
    n_prompt = len(model.split_prompt(sent)[1])
    spans, vectors = model.word_spans(sent), model.word_vectors(sent)
    if not spans:
        alone = np.zeros((1, model.dimensions), dtype=np.float32)
        alone[0, 0] = 1.0
        return TokenVectors(sent, n_prompt, len(sent), np.array([SPECIAL_SPAN]), alone, exact=True)
    cut = len(word_spans(sent[n_prompt:])) > len(spans)
    n_seen = spans[-1][1] if cut else len(sent)
    return TokenVectors(sent, n_prompt, n_seen, np.array(spans, dtype=np.int64), vectors, exact=True)

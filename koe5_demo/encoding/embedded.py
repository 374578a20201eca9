"""A fast engine for the embedded model: the vectors that its `NgramEmbedding` gives through sentence-transformers.

It knows neither torch nor sentence-transformers, so that a page or a command answers before those are imported.
All that a word adds to a text is worked out once and kept: its semantic half as a row, its lexical half as a few
coordinates. A text is then one weighted sum of rows and one of coordinates, for many texts at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from koe5_demo.encoding.ngram_model import PASSAGE, QUERY, NgramModel, half_scales, project, weighted_sums
from koe5_demo.encoding.ngram_tokenizer import surface_words, word_spans
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


@dataclass(frozen=True)
class _WordCounts:
    """Words of a chunk of texts, sorted by text: text `text[j]` has word `word[j]` with weight `weight[j]`."""

    text: IntArray
    word: IntArray
    weight: FloatArray


class WordTable:
    """What words add to a text, worked out when a word is first seen.

    Args:
        model: The embedded model.
        capacity: Words to remember before starting afresh; a chunk with more different words is still served.
    """

    def __init__(self, model: NgramModel, capacity: int = KNOWN_WORDS) -> None:
        self._model = model
        self._capacity = capacity
        self._clear()

    def ids(self, words: Sequence[str]) -> IntArray:
        """Return (n,) rows of words as written in a text; new ones are worked out. Words may repeat."""
        try:
            return self._look_up(words)
        except KeyError:
            missing = [word for word in dict.fromkeys(words) if word not in self._places]
        if len(self._places) + len(missing) > self._capacity:
            self._clear()
            missing = list(dict.fromkeys(words))
        self._add(missing)
        return self._look_up(words)

    def semantic_sums(self, counts: _WordCounts, n_texts: int) -> FloatArray:
        """Return (n_texts, semantic dim) float32 weighted sums of rows."""
        starts = np.searchsorted(counts.text, np.arange(n_texts + 1))
        return weighted_sums(self._rows, counts.word, counts.weight, starts)

    def lexical_sums(self, counts: _WordCounts, n_texts: int, side: int) -> FloatArray:
        """Return (n_texts, lexical dim) float32 weighted sums of coordinates."""
        dim = self._model.config.lexical_dim
        taken = self._n_entries[counts.word]
        ends = np.cumsum(taken)
        entries = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(
            self._starts[counts.word] - ends + taken, taken
        )
        places = np.repeat(counts.text * dim, taken) + self._coordinates[entries]
        values = self._values[side][entries] * np.repeat(counts.weight, taken)
        return np.bincount(places, values, minlength=n_texts * dim).reshape(n_texts, dim).astype(np.float32)

    def _look_up(self, words: Sequence[str]) -> IntArray:
        return np.fromiter(map(self._places.__getitem__, words), dtype=np.int64, count=len(words))

    def _clear(self) -> None:
        self._places: dict[str, int] = {}
        self._rows: FloatArray = np.empty((0, self._model.semantic_dim), dtype=np.float32)
        self._starts = np.zeros(0, dtype=np.int64)
        self._n_entries = np.zeros(0, dtype=np.int64)
        self._coordinates = np.zeros(0, dtype=np.int64)
        self._values: dict[int, FloatArray] = {side: np.zeros(0, dtype=np.float32) for side in (PASSAGE, QUERY)}

    def _add(self, words: Sequence[str]) -> None:
        start = len(self._places)
        self._make_room(start + len(words))
        self._rows[start : start + len(words)] = self._model.semantic_rows(words)
        self._add_lexical(words)
        self._places.update(zip(words, range(start, start + len(words)), strict=True))

    def _make_room(self, n_words: int) -> None:
        if n_words > len(self._rows):
            rows = np.empty((max(FIRST_ROWS, n_words * 3 // 2), self._rows.shape[1]), dtype=np.float32)
            rows[: len(self._rows)] = self._rows
            self._rows = rows

    def _add_lexical(self, words: Sequence[str]) -> None:
        hashes_of = [self._model.tokenizer.grams(word).lexical for word in words]
        hashes = np.fromiter(chain.from_iterable(hashes_of), dtype=np.uint32)
        config, weights = self._model.config, self._model.weights.lexical
        coordinates, signs = project(hashes, config.lexical_dim, config.hashes)
        buckets = hashes & np.uint32(weights.shape[1] - 1)
        n_entries = np.fromiter(map(len, hashes_of), dtype=np.int64, count=len(words)) * config.hashes
        first = len(self._coordinates)
        self._starts = np.concatenate((self._starts, first + np.cumsum(n_entries) - n_entries))
        self._n_entries = np.concatenate((self._n_entries, n_entries))
        self._coordinates = np.concatenate((self._coordinates, coordinates.ravel()))
        for side, known in self._values.items():
            values = (signs * weights[side, buckets][:, None]).ravel()
            self._values[side] = np.concatenate((known, values))


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
        self._lock = Lock()

    @property
    def info(self) -> ModelInfo:
        """Return what this encoder is."""
        return self._info

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`. Progress counts texts."""
        vectors = np.empty((len(texts), self._info.dimensions), dtype=np.float32)
        n_tokens = np.empty(len(texts), dtype=np.int64)
        done = 0
        for roles, words, lengths in self._chunks(with_prompts(texts, role, self._info.prompts)):
            with self._lock:
                vectors[done : done + len(words)] = self._vectors(roles, words)
            n_tokens[done : done + len(words)] = lengths
            done += len(words)
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

    def _chunks(self, sent: list[str]) -> Iterator[tuple[list[str], list[list[str]], list[int]]]:
        """Yield roles, words and uncut numbers of words, for as many texts as make a chunk."""
        roles: list[str] = []
        words: list[list[str]] = []
        lengths: list[int] = []
        n_words = 0
        for text in sent:
            role, prompt = self._model.split_prompt(text)
            found = surface_words(text[len(prompt) :])
            roles.append(role)
            lengths.append(len(found))
            words.append(found[: self._model.max_words])
            n_words += len(words[-1])
            if n_words >= WORDS_PER_CHUNK:
                yield roles, words, lengths
                roles, words, lengths, n_words = [], [], [], 0
        if words:
            yield roles, words, lengths

    def _vectors(self, roles: list[str], words: list[list[str]]) -> FloatArray:
        counts = _count(self._table.ids(list(chain.from_iterable(words))), words)
        semantic = self._table.semantic_sums(counts, len(words))
        queries = np.array([role == "query" for role in roles])
        lexical = self._lexical(counts, queries)
        shares = np.array([self._model.share(role) for role in roles], dtype=np.float32)
        scales = half_scales(semantic, lexical, shares)
        vectors = np.concatenate([semantic * scales[:, :1], lexical * scales[:, 1:]], axis=1)
        vectors[:, 0] += scales.sum(axis=1) == 0  # a text without any word points along the first coordinate
        return vectors

    def _lexical(self, counts: _WordCounts, queries: npt.NDArray[np.bool_]) -> FloatArray:
        """Return the lexical sums; texts of one request nearly always have one role, so the mixed case may be slow."""
        sides = [side for side, present in ((PASSAGE, not queries.all()), (QUERY, queries.any())) if present]
        sums = {side: self._table.lexical_sums(counts, len(queries), side) for side in sides}
        if len(sums) == 1:
            return next(iter(sums.values()))
        return np.where(queries[:, None], sums[QUERY], sums[PASSAGE])


def _count(ids: IntArray, words: list[list[str]]) -> _WordCounts:
    """Count each word of each text; a word that occurs n times weighs sqrt(n)."""
    owners = np.repeat(np.arange(len(words)), [len(text) for text in words])
    # One sort of a combined number is much faster than a table of counts for each text.
    width = int(ids.max(initial=0)) + 1
    pairs, n_times = np.unique(owners * width + ids, return_counts=True)
    return _WordCounts(pairs // width, pairs % width, np.sqrt(n_times, dtype=np.float32))


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

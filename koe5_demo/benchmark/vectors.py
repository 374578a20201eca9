"""Texts to stored vectors: what the cache lacks is encoded in small portions, so that a run can stop at any moment.

Portions are cut from the texts sorted by length (little padding inside a portion), grow until one takes about two
seconds, and are on disk before the next begins: a stop or a kill loses at most one portion.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from koe5_demo.benchmark.progress import Phase, Progress, SpeedMeter
from koe5_demo.benchmark.vector_cache import KeyArray, Shelf, VanishedError, VectorCache, text_keys
from koe5_demo.errors import DataError
from koe5_demo.records import DoubleArray, Encoder, FloatArray, IntArray, Role

ShouldStop = Callable[[], bool]

_FIRST_PORTION: Final = 8
_LARGEST_PORTION: Final = 4096
_PORTION_S: Final = 2.0
_TRIES: Final = 3
_PHASES: Final = {Role.QUERY: Phase.ENCODING_QUERIES, Role.PASSAGE: Phase.ENCODING_DOCUMENTS}


class StoppedError(Exception):
    """The run was asked to stop; what was encoded is kept."""


@dataclass(frozen=True)
class StoredVectors:
    """Vectors of n texts, in the cache.

    Attributes:
        shelf: Where they lie.
        keys: (n,) hashes of the texts; equal texts share one.
        n_tokens: (n,) int64 tokens before any cut.
        dimensions: Width of a vector.
        max_tokens: Where the model cuts.
        texts_encoded, tokens_encoded: What was not in the cache; tokens as the model saw them.
        seconds: Time spent encoding.
        damaged: Damaged cache segments that were found and encoded again.
    """

    shelf: Shelf
    keys: KeyArray
    n_tokens: IntArray
    dimensions: int
    max_tokens: int
    texts_encoded: int
    tokens_encoded: int
    seconds: float
    damaged: int

    def chunks(self) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield (positions, (m, dim) vectors) of all texts, in the order that the disk likes."""
        return self.shelf.read(self.keys)

    def matrix(self) -> FloatArray:
        """Return (n, dimensions) float32, all in memory."""
        return self.shelf.vectors(self.keys, self.dimensions)


def store_vectors(
    encoder: Encoder, texts: Sequence[str], role: Role, cache: VectorCache, should_stop: ShouldStop
) -> Generator[Progress, None, StoredVectors]:
    """Encode what the cache lacks, telling the progress; returns where the vectors lie.

    Raises:
        StoppedError: If `should_stop` says so between two portions.
        DataError: If the cache cannot be written or the model gives no finite numbers.
    """
    shelf = cache.shelf(encoder.info.fingerprint, role)
    keys = text_keys(texts)
    totals = np.zeros(3)
    for _ in range(_TRIES):
        totals += yield from _encode_missing(encoder, texts, role, shelf, keys, should_stop)
        shelf.compact()
        try:
            n_tokens = shelf.tokens(keys)
        except VanishedError:
            continue
        n_texts, n_seen, seconds = totals.tolist()
        info = encoder.info
        return StoredVectors(
            shelf, keys, n_tokens, info.dimensions, info.max_tokens, int(n_texts), int(n_seen), seconds, shelf.damaged
        )
    raise DataError("cache_vanished", name=str(cache.folder))


def _encode_missing(
    encoder: Encoder, texts: Sequence[str], role: Role, shelf: Shelf, keys: KeyArray, should_stop: ShouldStop
) -> Generator[Progress, None, DoubleArray]:
    """Encode in portions; returns (texts, tokens seen, seconds)."""
    first = np.sort(np.unique(keys, return_index=True)[1])  # texts of one length stay in the corpus' order
    missing = first[shelf.missing(keys[first])]
    lengths = np.array([len(texts[i]) for i in missing], dtype=np.int64)
    missing, lengths = missing[np.argsort(-lengths, kind="stable")], np.sort(lengths)[::-1]
    meter = SpeedMeter(_PHASES[role], len(first), int(lengths.sum() + len(lengths)), len(first) - len(missing))
    yield meter.step(0, 0)
    totals = np.zeros(3)
    size, at = _FIRST_PORTION, 0
    while at < len(missing):
        if should_stop():
            raise StoppedError
        portion = missing[at : at + size]
        start = time.perf_counter()
        encoded = encoder.encode([texts[i] for i in portion], role)
        seconds = time.perf_counter() - start
        if not np.isfinite(encoded.vectors).all():
            raise DataError("vectors_not_finite", name=encoder.info.id)
        shelf.add(keys[portion], encoded.vectors, encoded.n_tokens)
        totals += (len(portion), int(encoded.tokens_used.sum()), seconds)
        yield meter.step(len(portion), int(lengths[at : at + size].sum() + len(portion)))
        at += len(portion)
        size = int(np.clip(len(portion) * _PORTION_S / max(seconds, 1e-3), _FIRST_PORTION, _LARGEST_PORTION))
    return totals

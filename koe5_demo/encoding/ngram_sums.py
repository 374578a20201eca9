"""Adds up the words of many texts: the two halves of the embedded model's vectors, before they are mixed.

Everything is worked out afresh for each call, from the spelling of its different words: on packed weights that is
faster than remembering words would be, and leaves nothing to bound, to lock or to warm up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from koe5_demo.encoding.ngram_lookup import HashArray, IntArray, NgramLookup, WordGrams
from koe5_demo.encoding.ngram_weights import NIBBLE, FloatArray, NgramWeights

if TYPE_CHECKING:
    from collections.abc import Callable

PASSAGE, QUERY = 0, 1
_SPLITMIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


@dataclass(frozen=True)
class WordCounts:
    """Which words occur in which texts, sorted by text.

    Attributes:
        words: The different words, as written.
        text: Entry j is about this text, (t,) int64.
        word: Its word, a position in `words`, (t,) int64.
        weight: The square root of how often it occurs there, (t,) float32.
    """

    words: list[str]
    text: IntArray
    word: IntArray
    weight: FloatArray


def count_words(texts: Sequence[Sequence[str]]) -> WordCounts:
    """Count each word of each text."""
    said = list(chain.from_iterable(texts))
    places = dict(zip(dict.fromkeys(said), count(), strict=False))
    ids = np.fromiter(map(places.__getitem__, said), dtype=np.int64, count=len(said))
    owners = np.repeat(np.arange(len(texts)), [len(words) for words in texts])
    # One sort of a combined number is much faster than a table of counts for each text.
    width = max(len(places), 1)
    pairs, n_times = np.unique(owners * width + ids, return_counts=True)
    return WordCounts(list(places), pairs // width, pairs % width, np.sqrt(n_times, dtype=np.float32))


def project(hashes: HashArray, dim: int, n_hashes: int) -> tuple[IntArray, FloatArray]:
    """Name the coordinates and signs of hashed n-grams.

    The 64 bits of a splitmix64 step are read 16 at a time: the lowest is the sign, the others the coordinate.

    Args:
        hashes: (n,) uint32.
        dim: Number of coordinates.
        n_hashes: Coordinates per n-gram, 1 to 4.

    Returns:
        Coordinates, (n, n_hashes) int64 in [0, dim), and signs, (n, n_hashes) float32, -1 or 1.
    """
    step, first, second = (np.uint64(constant) for constant in _SPLITMIX)
    mixed = hashes.astype(np.uint64) + step
    mixed = (mixed ^ (mixed >> np.uint64(30))) * first
    mixed = (mixed ^ (mixed >> np.uint64(27))) * second
    mixed = mixed ^ (mixed >> np.uint64(31))
    parts = (mixed[:, None] >> (np.arange(n_hashes, dtype=np.uint64) * np.uint64(16))) & np.uint64(0xFFFF)
    coordinates = ((parts >> np.uint64(1)) % np.uint64(dim)).astype(np.int64)
    return coordinates, (1 - 2 * (parts & np.uint64(1)).astype(np.int64)).astype(np.float32)


class WordSums:
    """Sums of words. Safe to share between threads: it never changes.

    Args:
        lookup: Names the n-grams of words.
        weights: Learned table and lexical weights.
        lexical_dim: Number of coordinates of the lexical half.
        n_hashes: Coordinates per n-gram of the lexical half.
    """

    def __init__(self, lookup: NgramLookup, weights: NgramWeights, *, lexical_dim: int, n_hashes: int) -> None:
        self._lookup = lookup
        self._packed = torch.from_numpy(weights.packed())
        self._add_rows: Callable[..., torch.Tensor] = (
            torch.ops.quantized.embedding_bag_4bit_rowwise_offsets
            if weights.bits == NIBBLE
            else torch.ops.quantized.embedding_bag_byte_rowwise_offsets
        )
        self._lexical_weights = weights.lexical
        self.semantic_dim, self.lexical_dim, self._n_hashes = weights.semantic_dim, lexical_dim, n_hashes

    def of(self, counts: WordCounts, sides: IntArray) -> tuple[torch.Tensor, torch.Tensor]:
        """Add up the words of every text.

        Args:
            counts: The words.
            sides: `QUERY` or `PASSAGE` for each of n texts.

        Returns:
            Semantic halves, (n, semantic_dim), and lexical halves, (n, lexical_dim), float32, not normalised; a text
            without words, or without known n-grams, has zeros.
        """
        grams = self._lookup.of(counts.words)
        return self._semantic(grams, counts, len(sides)), self._lexical(grams, counts, sides)

    def _semantic(self, grams: WordGrams, counts: WordCounts, n_texts: int) -> torch.Tensor:
        if not len(grams.rows):
            return torch.zeros(n_texts, self.semantic_dim)
        starts = torch.from_numpy(np.cumsum(grams.n_rows) - grams.n_rows)
        words = self._add_rows(self._packed, torch.from_numpy(grams.rows), starts)
        shares = 1 / np.sqrt(np.maximum(grams.n_rows, 1), dtype=np.float32)
        return functional.embedding_bag(
            torch.from_numpy(counts.word),
            words,
            torch.from_numpy(np.searchsorted(counts.text, np.arange(n_texts))),
            mode="sum",
            per_sample_weights=torch.from_numpy(counts.weight * shares[counts.word]),
        )

    def _lexical(self, grams: WordGrams, counts: WordCounts, sides: IntArray) -> torch.Tensor:
        coordinates, signs = project(grams.hashes, self.lexical_dim, self._n_hashes)
        buckets = grams.hashes & np.uint32(self._lexical_weights.shape[1] - 1)
        values = self._lexical_weights[:, buckets, None] * signs  # (2, hashes, n_hashes)
        taken = grams.n_hashes[counts.word]
        starts = (np.cumsum(grams.n_hashes) - grams.n_hashes)[counts.word]
        entries = np.arange(taken.sum()) + np.repeat(starts - np.cumsum(taken) + taken, taken)
        owners = np.repeat(counts.text, taken)
        sums = np.bincount(
            (owners[:, None] * self.lexical_dim + coordinates[entries]).ravel(),
            (values[sides[owners], entries] * np.repeat(counts.weight, taken)[:, None]).ravel(),
            minlength=len(sides) * self.lexical_dim,
        )
        return torch.from_numpy(sums.reshape(len(sides), self.lexical_dim).astype(np.float32))

"""Adds up words: from what each word adds, and how often it occurs, to the two halves of many texts' vectors.

Knows nothing of spelling, weights or roles. NumPy and SciPy only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from koe5_demo.encoding.ngram_weights import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WordHalves:
    """What each of n words adds to a text.

    Attributes:
        rows: Semantic halves, (n, semantic_dim) float32.
        starts: Where each word's entries of the lexical half begin, (n,) int64.
        n_entries: How many it has, (n,) int64.
        coordinates: Which coordinate an entry adds to, (e,) int64.
        values: What it adds in a passage and in a query, (e, 2) float32.
    """

    rows: FloatArray
    starts: IntArray
    n_entries: IntArray
    coordinates: IntArray
    values: FloatArray


@dataclass(frozen=True)
class WordCounts:
    """Which words occur in which texts, sorted by text.

    Attributes:
        n_texts: Number of texts, those without words included.
        text: Entry j is about this text, (t,) int64.
        word: Its word, a row of `WordHalves`, (t,) int64.
        weight: The square root of how often it occurs there, (t,) float32.
    """

    n_texts: int
    text: IntArray
    word: IntArray
    weight: FloatArray


def number_words(words: Iterable[str]) -> tuple[list[str], IntArray]:
    """Return the different words in order of appearance, and each word's place among them."""
    said = list(words)
    places = dict(zip(dict.fromkeys(said), count(), strict=False))
    return list(places), np.fromiter(map(places.__getitem__, said), dtype=np.int64, count=len(said))


def count_words(ids: IntArray, lengths: Sequence[int]) -> WordCounts:
    """Count each word of each text.

    Args:
        ids: The words of all texts, text after text.
        lengths: How many of them each text has.
    """
    owners = np.repeat(np.arange(len(lengths)), lengths)
    # One sort of a combined number is much faster than a table of counts for each text.
    width = int(ids.max(initial=0)) + 1
    pairs, n_times = np.unique(owners * width + ids, return_counts=True)
    return WordCounts(len(lengths), pairs // width, pairs % width, np.sqrt(n_times, dtype=np.float32))


def semantic_sums(halves: WordHalves, counts: WordCounts) -> FloatArray:
    """Return (n_texts, semantic_dim) float32, not normalised; zeros for a text without words."""
    starts = np.searchsorted(counts.text, np.arange(counts.n_texts + 1))
    return weighted_sums(halves.rows, counts.word, counts.weight, starts)


def lexical_sums(halves: WordHalves, counts: WordCounts, sides: IntArray, dim: int) -> FloatArray:
    """Return (n_texts, dim) float32, not normalised; zeros for a text without words.

    Args:
        halves: The words.
        counts: The texts.
        sides: (n_texts,) column of `halves.values` for each text.
        dim: Number of coordinates.
    """
    taken = halves.n_entries[counts.word]
    ends = np.cumsum(taken)
    entries = np.arange(taken.sum()) + np.repeat(halves.starts[counts.word] - ends + taken, taken)
    values = halves.values[entries, np.repeat(sides[counts.text], taken)] * np.repeat(counts.weight, taken)
    places = np.repeat(counts.text * dim, taken) + halves.coordinates[entries]
    sums = np.bincount(places, values, minlength=counts.n_texts * dim)
    return sums.reshape(counts.n_texts, dim).astype(np.float32)


def weighted_sums(rows: FloatArray, places: IntArray, weights: FloatArray, starts: IntArray) -> FloatArray:
    """Add up rows in groups: group i has `rows[places[j]] * weights[j]` for j from `starts[i]` to `starts[i + 1]`.

    Args:
        rows: (r, dim) float32.
        places: (t,) rows of all groups, group after group.
        weights: (t,) float32.
        starts: (n + 1,), from 0 to t.

    Returns:
        (n, dim) float32.
    """
    sums: FloatArray = csr_array((weights, places, starts), shape=(len(starts) - 1, len(rows))) @ rows
    return sums

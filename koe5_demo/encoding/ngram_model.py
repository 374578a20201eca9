"""The embedded model: a text's vector is the sum of its words' vectors. NumPy and SciPy only, so that it opens at once.

A word has two halves. The semantic half is the sum of learned vectors of its character n-grams. The lexical half needs
no table of vectors: every pair of characters (and the whole word) adds its learned weight to a few coordinates that
its hash names, so that the dot product of two lexical halves estimates how much weighted spelling two texts share. In a
text

    sentence = sqrt(1 - s) * unit(sum of semantic halves)  ++  sqrt(s) * unit(sum of lexical halves)

with `s` the share of the lexical half, and a word that occurs n times counting sqrt(n) times. The vector has length 1,
and the words' contributions (`NgramModel.word_vectors`) add up to it exactly.

A text that begins with a known prompt (`query: `, `passage: `) is read in that role; the prompt is a mark, not content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from koe5_demo.encoding.ngram_tokenizer import NgramTokenizer, surface_words, word_spans
from koe5_demo.encoding.ngram_weights import WEIGHTS_FILE, FloatArray, NgramWeights

CONFIG_FILE = "ngram_config.json"
NGRAMS_FILE = "ngrams.json"
PASSAGE, QUERY = 0, 1
HashArray = npt.NDArray[np.uint32]
IntArray = npt.NDArray[np.int64]
_SPLITMIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_WORDS_AT_ONCE = 4_096
"""Bounds the memory for n-grams' vectors while words are worked out."""


@dataclass(frozen=True)
class NgramConfig:
    """What the weights do not say.

    Attributes:
        lexical_dim: Width of the lexical half, a power of two.
        hashes: How many coordinates an n-gram of the lexical half adds to, 1 to 4.
        max_words: Longer texts are cut.
        lexical_share: Share of the lexical half in a cosine, by role: query, passage, none.
        prompts: Prompt by role; a text that begins with it is read in that role.
    """

    lexical_dim: int
    hashes: int
    max_words: int
    lexical_share: Mapping[str, float]
    prompts: Mapping[str, str]


def project(hashes: HashArray, dim: int, n_hashes: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
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


def half_scales(semantic: FloatArray, lexical: FloatArray, shares: FloatArray) -> FloatArray:
    """Return (n, 2): what brings the halves of every row to their shares; an empty half leaves all to the other.

    Args:
        semantic, lexical: (n, ...) float32, sums of words.
        shares: (n,) share of the lexical half.
    """
    norms = np.stack([np.linalg.norm(semantic, axis=1), np.linalg.norm(lexical, axis=1)], axis=1)
    parts = np.stack([1 - shares, shares], axis=1) * (norms > 0)
    parts = parts / np.maximum(parts.sum(axis=1, keepdims=True), np.float32(1e-12))
    scales: FloatArray = (np.sqrt(parts) / np.maximum(norms, np.float32(1e-12))).astype(np.float32)
    return scales


@dataclass(frozen=True)
class WordCounts:
    """Which words occur in which texts: `text[j]` has `word[j]` with `weight[j]`, sorted by text.

    Attributes:
        words: The different words.
        text: (t,) int64.
        word: (t,) int64 positions in `words`.
        weight: (t,) float32.
        sides: (n,) `QUERY` or `PASSAGE` for each text.
    """

    words: list[str]
    text: npt.NDArray[np.int64]
    word: npt.NDArray[np.int64]
    weight: FloatArray
    sides: npt.NDArray[np.int64]


class LexicalHalves:
    """Adds up the weighted, signed coordinates of words' spelling.

    Args:
        tokenizer: Names the n-grams of a word.
        lexical: (2, n_buckets) float32, weights by side; n_buckets is a power of two.
        dim: Number of coordinates.
        n_hashes: Coordinates per n-gram.
    """

    def __init__(self, tokenizer: NgramTokenizer, lexical: FloatArray, *, dim: int, n_hashes: int) -> None:
        self._tokenizer, self._lexical, self.dim, self._n_hashes = tokenizer, lexical, dim, n_hashes

    def of(self, counts: WordCounts) -> FloatArray:
        """Return (n_texts, dim) float32, not normalised."""
        found = [self._tokenizer.grams(word).lexical for word in counts.words]
        hashes = np.array(list(chain.from_iterable(found)), dtype=np.uint32)
        coordinates, signs = project(hashes, self.dim, self._n_hashes)
        weights = self._lexical[:, hashes & np.uint32(self._lexical.shape[1] - 1)]
        entries, n_entries = _ragged_places(np.array([len(each) for each in found], dtype=np.int64), counts.word)
        owners = np.repeat(counts.text, n_entries)
        values = weights[counts.sides[owners], entries] * np.repeat(counts.weight, n_entries)
        sums = np.bincount(
            (owners[:, None] * self.dim + coordinates[entries]).ravel(),
            (values[:, None] * signs[entries]).ravel(),
            minlength=len(counts.sides) * self.dim,
        )
        return sums.reshape(len(counts.sides), self.dim).astype(np.float32)


def _ragged_places(
    lengths: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the entries of `rows` stand when all rows are laid end to end, and how many each of them has."""
    taken = lengths[rows]
    starts = (np.cumsum(lengths) - lengths)[rows]
    return np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken - starts, taken), taken


class NgramModel:
    """The model itself: reads roles, finds words, and knows what each adds. Safe with threads.

    Args:
        tokenizer: Names the n-grams of words.
        weights: Learned table and lexical weights.
        config: Shape, shares and prompts.
    """

    def __init__(self, tokenizer: NgramTokenizer, weights: NgramWeights, config: NgramConfig) -> None:
        if len(tokenizer.vocabulary) != len(weights.codes):
            raise ValueError(f"{len(tokenizer.vocabulary)} n-grams but {len(weights.codes)} rows in the table")
        self.tokenizer = tokenizer
        self.weights = weights
        self.config = config
        self.max_words = config.max_words
        self.semantic_dim = int(weights.codes.shape[1])
        self.lexical = LexicalHalves(tokenizer, weights.lexical, dim=config.lexical_dim, n_hashes=config.hashes)

    @classmethod
    def load(cls, folder: Path) -> NgramModel:
        """Read what `NgramEmbedding.save` wrote.

        Raises:
            OSError: If a file is not there.
            ValueError: If one is broken.
        """
        vocabulary = json.loads((folder / NGRAMS_FILE).read_text(encoding="utf-8"))
        config = NgramConfig(**json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))
        return cls(NgramTokenizer(vocabulary), NgramWeights.load(folder / WEIGHTS_FILE), config)

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self.semantic_dim + self.config.lexical_dim

    def split_prompt(self, text: str) -> tuple[str, str]:
        """Read the role mark at the start of a text.

        Returns:
            Role (`none` without a mark) and the mark itself, a prefix of `text`.
        """
        for role, prompt in self.config.prompts.items():
            if prompt and text.startswith(prompt):
                return role, prompt
        return "none", ""

    def count_words(self, texts: Sequence[str]) -> list[int]:
        """Count the words of every text, prompts not included, before any cut."""
        return [len(surface_words(text[len(self.split_prompt(text)[1]) :])) for text in texts]

    def word_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character ranges in `text` of the words that the model sees, at most `max_words`."""
        skipped = len(self.split_prompt(text)[1])
        return [(skipped + start, skipped + end) for start, end in word_spans(text[skipped:])[: self.max_words]]

    def semantic_rows(self, words: Sequence[str]) -> FloatArray:
        """Return (n, semantic dim) float32: the sum of each word's n known n-grams over sqrt(n), zero without any."""
        parts = [self._semantic_rows(words[at : at + _WORDS_AT_ONCE]) for at in range(0, len(words), _WORDS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, self.semantic_dim), dtype=np.float32)

    def word_vectors(self, text: str) -> FloatArray:
        """Return what each word adds to the sentence vector.

        Args:
            text: A text, with or without a prompt.

        Returns:
            (n, dim) float32, a row for every range of `word_spans`. The rows add up to the vector of `text` (up to
            rounding). A text without words has no rows although its vector is not zero.
        """
        role, prompt = self.split_prompt(text)
        words = surface_words(text[len(prompt) :])[: self.max_words]
        if not words:
            return np.empty((0, self.dimensions), dtype=np.float32)
        different = {word: place for place, word in enumerate(dict.fromkeys(words))}
        order = np.array([different[word] for word in words], dtype=np.int64)
        n = len(different)
        one_text_each = WordCounts(
            list(different), np.arange(n), np.arange(n), np.ones(n, dtype=np.float32), np.full(n, self.side(role))
        )
        # A word that occurs n times counts sqrt(n) times: each occurrence has 1 / sqrt(n) of it.
        weights = (1 / np.sqrt(np.bincount(order)))[order][:, None].astype(np.float32)
        semantic = self.semantic_rows(one_text_each.words)[order] * weights
        lexical = self.lexical.of(one_text_each)[order] * weights
        share = np.array([self.share(role)], dtype=np.float32)
        scales = half_scales(semantic.sum(axis=0, keepdims=True), lexical.sum(axis=0, keepdims=True), share)
        return np.concatenate([semantic * scales[0, 0], lexical * scales[0, 1]], axis=1)

    def share(self, role: str) -> float:
        """Return the share of the lexical half in a role."""
        return float(self.config.lexical_share[role])

    @staticmethod
    def side(role: str) -> int:
        """Return which lexical weights a role has."""
        return QUERY if role == "query" else PASSAGE

    def _semantic_rows(self, words: Sequence[str]) -> FloatArray:
        found = [self.tokenizer.grams(word).semantic for word in words]
        counts = np.array([len(rows) for rows in found], dtype=np.int64)
        shares = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
        # Only the n-grams that occur are unpacked: the whole table would be 4 times its integers.
        used, places = np.unique(np.fromiter(chain.from_iterable(found), dtype=np.int64), return_inverse=True)
        rows = self.weights.codes[used] * self.weights.scales[used, None]
        return weighted_sums(rows, places, shares, np.concatenate(([0], np.cumsum(counts))))

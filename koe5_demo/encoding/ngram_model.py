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

from koe5_demo.encoding.ngram_lookup import HashArray, NgramLookup, WordGrams
from koe5_demo.encoding.ngram_sums import (
    IntArray,
    WordCounts,
    WordHalves,
    count_words,
    lexical_sums,
    number_words,
    semantic_sums,
    weighted_sums,
)
from koe5_demo.encoding.ngram_tokenizer import surface_words, word_spans
from koe5_demo.encoding.ngram_weights import WEIGHTS_FILE, FloatArray, NgramWeights

CONFIG_FILE = "ngram_config.json"
NGRAMS_FILE = "ngrams.json"
PASSAGE, QUERY = 0, 1
_SPLITMIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


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


class NgramModel:
    """The model itself: reads roles, finds words, and knows what each adds. Safe to share between threads.

    Args:
        lookup: Names the n-grams of words.
        weights: Learned table and lexical weights.
        config: Shape, shares and prompts.
    """

    def __init__(self, lookup: NgramLookup, weights: NgramWeights, config: NgramConfig) -> None:
        if len(lookup.vocabulary) != len(weights.scales):
            raise ValueError(f"{len(lookup.vocabulary)} n-grams but {len(weights.scales)} rows in the table")
        self.lookup = lookup
        self.weights = weights
        self.config = config
        self.max_words = config.max_words
        self.semantic_dim = weights.semantic_dim
        self._codes = weights.codes

    @classmethod
    def load(cls, folder: Path) -> NgramModel:
        """Read what `NgramEmbedding.save` wrote.

        Raises:
            OSError: If a file is not there.
            ValueError: If one is broken.
        """
        vocabulary = json.loads((folder / NGRAMS_FILE).read_text(encoding="utf-8"))
        config = NgramConfig(**json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))
        return cls(NgramLookup(vocabulary), NgramWeights.load(folder / WEIGHTS_FILE), config)

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

    def read(self, texts: Sequence[str]) -> tuple[list[str], list[list[str]]]:
        """Return the role of every text and its words, not cut."""
        marks = [self.split_prompt(text) for text in texts]
        words = [surface_words(text[len(prompt) :]) for text, (_, prompt) in zip(texts, marks, strict=True)]
        return [role for role, _ in marks], words

    def count_words(self, texts: Sequence[str]) -> list[int]:
        """Count the words of every text, prompts not included, before any cut."""
        return [len(words) for words in self.read(texts)[1]]

    def word_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character ranges in `text` of the words that the model sees, at most `max_words`."""
        skipped = len(self.split_prompt(text)[1])
        return [(skipped + start, skipped + end) for start, end in word_spans(text[skipped:])[: self.max_words]]

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, dimensions) float32 rows of length 1, for texts with or without a prompt."""
        roles, words = self.read(texts)
        seen = [text[: self.max_words] for text in words]
        different, ids = number_words(chain.from_iterable(seen))
        return self.mix(self.halves(different), count_words(ids, [len(text) for text in seen]), roles)

    def halves(self, words: Sequence[str]) -> WordHalves:
        """Work out what different words, as written in a text, add."""
        grams = self.lookup.of(words)
        coordinates, signs = project(grams.hashes, self.config.lexical_dim, self.config.hashes)
        lexical = self.weights.lexical
        # (hashes, hashes an n-gram, sides)
        values = signs[:, :, None] * lexical.T[grams.hashes & np.uint32(lexical.shape[1] - 1), None]
        n_entries = grams.n_hashes * self.config.hashes
        return WordHalves(
            rows=self._semantic_rows(grams),
            starts=np.cumsum(n_entries) - n_entries,
            n_entries=n_entries,
            coordinates=coordinates.ravel(),
            values=values.reshape(-1, len(lexical)),
        )

    def mix(self, halves: WordHalves, counts: WordCounts, roles: Sequence[str]) -> FloatArray:
        """Return (n, dimensions) float32 rows of length 1, from the words of n texts in these roles."""
        sides = np.array([_side(role) for role in roles], dtype=np.int64)
        semantic = semantic_sums(halves, counts)
        lexical = lexical_sums(halves, counts, sides, self.config.lexical_dim)
        scales = _half_scales(semantic, lexical, self._shares(roles))
        vectors = np.empty((len(roles), self.dimensions), dtype=np.float32)
        np.multiply(semantic, scales[:, :1], out=vectors[:, : self.semantic_dim])
        np.multiply(lexical, scales[:, 1:], out=vectors[:, self.semantic_dim :])
        # A text without any word points along the first coordinate: a unit vector like any other, close to none.
        vectors[:, 0] += scales.sum(axis=1) == 0
        return vectors

    def word_vectors(self, text: str) -> FloatArray:
        """Return what each word adds to the sentence vector.

        Args:
            text: A text, with or without a prompt.

        Returns:
            (n, dim) float32, a row for every range of `word_spans`. The rows add up to the vector of `text` (up to
            rounding). A text without words has no rows although its vector is not zero.
        """
        (role,), (words,) = self.read([text])
        different, order = number_words(words[: self.max_words])
        if not different:
            return np.empty((0, self.dimensions), dtype=np.float32)
        halves = self.halves(different)
        alone = count_words(np.arange(len(different)), [1] * len(different))
        # A word that occurs n times counts sqrt(n) times: each occurrence has 1 / sqrt(n) of it.
        weights = (1 / np.sqrt(np.bincount(order)))[order][:, None].astype(np.float32)
        sides = np.full(len(different), _side(role))
        semantic = halves.rows[order] * weights
        lexical = lexical_sums(halves, alone, sides, self.config.lexical_dim)[order] * weights
        scales = _half_scales(
            semantic.sum(axis=0, keepdims=True), lexical.sum(axis=0, keepdims=True), self._shares([role])
        )
        return np.concatenate([semantic * scales[0, 0], lexical * scales[0, 1]], axis=1)

    def _semantic_rows(self, grams: WordGrams) -> FloatArray:
        """Return (n, semantic dim) float32: the sum of each word's n known n-grams over sqrt(n), zero without any."""
        # Only the n-grams that occur are unpacked: the whole table would be 4 times its integers.
        used, places = np.unique(grams.rows, return_inverse=True)
        rows = self._codes[used] * self.weights.scales[used, None]
        shares: FloatArray = np.reciprocal(np.sqrt(np.maximum(grams.n_rows, 1), dtype=np.float32))
        starts = np.concatenate(([0], np.cumsum(grams.n_rows)))
        return weighted_sums(rows, places, np.repeat(shares, grams.n_rows), starts)

    def _shares(self, roles: Sequence[str]) -> FloatArray:
        return np.array([self.config.lexical_share[role] for role in roles], dtype=np.float32)


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


def _half_scales(semantic: FloatArray, lexical: FloatArray, shares: FloatArray) -> FloatArray:
    """Return (n, 2) factors that bring both halves of every row to their shares; an empty half cedes its own."""
    norms = np.stack([np.linalg.norm(semantic, axis=1), np.linalg.norm(lexical, axis=1)], axis=1)
    parts = np.stack([1 - shares, shares], axis=1) * (norms > 0)
    parts = parts / np.maximum(parts.sum(axis=1, keepdims=True), np.float32(1e-12))
    scales: FloatArray = (np.sqrt(parts) / np.maximum(norms, np.float32(1e-12))).astype(np.float32)
    return scales


def _side(role: str) -> int:
    return QUERY if role == "query" else PASSAGE

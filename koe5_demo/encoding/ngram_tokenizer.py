"""Text -> words -> character n-grams, for the embedded model. Pure Python.

A word is a run of letters and digits (at most `MAX_WORD_CHARS` of them); it is what the model counts as a token and
what a score can be traced back to. Everything about a word is a function of its spelling alone, so it is computed once
and cached. This module knows nothing of weights, roles or vectors.
"""

from __future__ import annotations

import re
import threading
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

MAX_WORD_CHARS = 24
"""Longer runs are cut into several words: text without spaces stays readable to the model and costs stay bounded."""

LONGEST_GRAM = 4

# Letters and digits without the underscore. Combining accents do not end a word, or decomposed Latin would fall apart.
_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_NOT_WORD_CHARS = re.compile(r"[\W_]+")
# A text without a single letter or digit (emoji, punctuation) is read as its whitespace-separated runs.
_RUN = re.compile(r"[^\s\x00-\x1f\x7f]+")


class WordGrams(NamedTuple):
    """The n-grams of one word.

    Attributes:
        semantic: Row numbers of its known n-grams in the learned table; may be empty.
        lexical: 32-bit hashes of its character pairs and of the whole word; never empty.
    """

    semantic: list[int]
    lexical: list[int]


def normalise_word(surface: str) -> str:
    """Fold a word's width, composition and case: NFKC, lower case, letters and digits only.

    A run of symbols, which has no letters or digits to keep, is only folded.

    >>> normalise_word("ＫｏＥ５")
    'koe5'
    """
    folded = unicodedata.normalize("NFKC", surface).lower()
    if folded.isalnum():
        return folded
    return _NOT_WORD_CHARS.sub("", folded) or folded


def semantic_grams(word: str) -> list[str]:
    """List the n-grams looked up in the learned table: characters, 2- to 4-grams with edges marked, the whole word.

    >>> semantic_grams("법")
    ['<법>', '<법', '법>', '<법>']
    """
    marked = f"<{word}>"
    n = len(marked)
    # A word of two or three characters is, with its edges, already one of the 4-grams or known by its parts.
    grams = [marked] if n > LONGEST_GRAM + 1 or len(word) == 1 else []
    for length in range(2, LONGEST_GRAM + 1):
        grams += [marked[i : i + length] for i in range(n - length + 1)]
    return grams + list(word) if len(word) > 1 else grams


def lexical_grams(word: str) -> list[str]:
    """List the n-grams matched by spelling: pairs of characters with edges marked, and the whole word.

    >>> lexical_grams("법원")
    ['<법', '법원', '원>', '<법원>#']
    """
    marked = f"<{word}>"
    return [marked[i : i + 2] for i in range(len(marked) - 1)] + [f"{marked}#"]


@lru_cache(maxsize=200_000)
def hash_gram(gram: str) -> int:
    """Hash an n-gram to 32 bits, the same on every machine and in every process."""
    return zlib.crc32(gram.encode("utf-8", "surrogatepass"))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Find the words of a text.

    Args:
        text: Any string.

    Returns:
        Half-open character ranges into `text`, in order, not overlapping. A text without letters and digits gives its
        runs of symbols; a blank text gives none.
    """
    runs = [match.span() for match in _WORD.finditer(text)] or [match.span() for match in _RUN.finditer(text)]
    if all(end - start <= MAX_WORD_CHARS for start, end in runs):
        return runs
    return [
        (piece, min(piece + MAX_WORD_CHARS, end)) for start, end in runs for piece in range(start, end, MAX_WORD_CHARS)
    ]


def surface_words(text: str) -> list[str]:
    """Return the words of a text as written; the same words as `word_spans`, several times faster.

    >>> surface_words("헌법과 ｢법원조직 법｣은")
    ['헌법과', '법원조직', '법', '은']
    """
    words = _WORD.findall(text) or _RUN.findall(text)
    if words and len(max(words, key=len)) > MAX_WORD_CHARS:
        return [word[i : i + MAX_WORD_CHARS] for word in words for i in range(0, len(word), MAX_WORD_CHARS)]
    return words


class NgramTokenizer:
    """Looks up the n-grams of words, remembering the words it has seen.

    Safe to share between threads: the cache is bounded and guarded by a lock.

    Args:
        vocabulary: The n-grams of the learned table, in row order, without repeats.
        cache_words: How many words to remember before starting afresh.
    """

    def __init__(self, vocabulary: Sequence[str], *, cache_words: int = 100_000) -> None:
        self.vocabulary: tuple[str, ...] = tuple(vocabulary)
        self._rows: Mapping[str, int] = {gram: row for row, gram in enumerate(self.vocabulary)}
        if len(self._rows) != len(self.vocabulary):
            raise ValueError(f"the vocabulary repeats n-grams: {len(self.vocabulary)} listed, {len(self._rows)} differ")
        self._cache: dict[str, WordGrams] = {}
        self._cache_words = cache_words
        self._lock = threading.Lock()

    def grams(self, surface: str) -> WordGrams:
        """Return the n-grams of one word as written in a text."""
        found = self._cache.get(surface)
        if found is None:
            found = self._compute(surface)
            with self._lock:
                if len(self._cache) >= self._cache_words:
                    self._cache.clear()
                self._cache[surface] = found
        return found

    def _compute(self, surface: str) -> WordGrams:
        word = normalise_word(surface)
        rows = [row for row in map(self._rows.get, semantic_grams(word)) if row is not None]
        return WordGrams(rows, list(map(hash_gram, lexical_grams(word))))

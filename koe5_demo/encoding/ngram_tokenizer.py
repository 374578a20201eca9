"""Text -> words -> character n-grams, for the embedded model: the definition, in pure Python.

A word is a run of letters and digits (at most `MAX_WORD_CHARS` of them); it is what the model counts as a token and
what a score can be traced back to. Everything about a word is a function of its spelling alone; `ngram_lookup` works it
out for many words at once. This module knows nothing of weights, roles or vectors.
"""

from __future__ import annotations

import re
import unicodedata
import zlib

MAX_WORD_CHARS = 24
"""Longer runs are cut into several words: text without spaces stays readable to the model and costs stay bounded."""

LONGEST_GRAM = 4
WHOLE_WORD_MARK = "#"
"""Tells a whole word from a pair of the same letters."""

# Letters and digits without the underscore. Combining accents do not end a word, or decomposed Latin would fall apart.
_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_NOT_WORD_CHARS = re.compile(r"[\W_]+")
# A text without a single letter or digit (emoji, punctuation) is read as its whitespace-separated runs.
_RUN = re.compile(r"[^\s\x00-\x1f\x7f]+")


def normalise_word(surface: str) -> str:
    """Fold a word's width, composition and case: NFKC, lower case, letters and digits only.

    A run of symbols, which has no letters or digits to keep, is only folded.

    >>> normalise_word("ＫｏＥ５")
    'koe5'
    """
    folded = unicodedata.normalize("NFKC", surface).lower()
    return folded if folded.isalnum() else keep_letters(folded)


def keep_letters(folded: str) -> str:
    """Leave out what is no letter and no digit, unless that is all there is."""
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
    return [marked[i : i + 2] for i in range(len(marked) - 1)] + [marked + WHOLE_WORD_MARK]


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

"""BM25 by `bm25s`: the baseline that needs no model. Words become character bigrams, or Kiwi's morphemes.

Bigrams take the place of a Korean stemmer: `학교에서` and `학교가` share `학교`. Settings are bm25s's defaults
(Lucene's formula, k1 = 1.5, b = 0.75); nothing here was tuned on a test set.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import bm25s
import numpy as np

from koe5_demo.benchmark.rankings import Rankings, padded, ranked
from koe5_demo.errors import MissingExtraError
from koe5_demo.records import IntArray
from koe5_demo.tables import compared

K1: Final = 1.5
B: Final = 0.75
_CONTENT_TAGS: Final = ("N", "V", "M", "XR", "XPN", "SL", "SN", "SH")
"""First letters of Kiwi's tags for words that carry meaning: nouns, verbs, modifiers, roots, foreign words, numbers."""

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG, whatever the program wants

Tokenizer = Callable[[Sequence[str]], list[list[str]]]


def character_bigrams(texts: Sequence[str]) -> list[list[str]]:
    """Cut each blank-separated word, in lower case, into its character bigrams; a word of one character stays.

    >>> character_bigrams(["서울 A시 는"])
    [['서울', 'a시', '는']]
    >>> character_bigrams(["학교에서"])
    [['학교', '교에', '에서']]
    """
    return [[gram for word in compared(text).lower().split() for gram in _bigrams(word)] for text in texts]


def kiwi_morphemes(texts: Sequence[str]) -> list[list[str]]:
    """Cut each text into the stems that carry meaning, as `form/tag`, by Kiwi.

    Raises:
        MissingExtraError: If kiwipiepy is not installed.
    """
    try:
        kiwi = importlib.import_module("kiwipiepy").Kiwi()
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="kiwipiepy", requirements="requirements-kiwi.txt") from error
    tokenized: Any = kiwi.tokenize([compared(text) for text in texts])
    return [
        [f"{token.form.lower()}/{token.tag[0]}" for token in tokens if token.tag.startswith(_CONTENT_TAGS)]
        for tokens in tokenized
    ]


class Bm25Index:
    """An index over a corpus.

    Args:
        documents: Texts, in corpus order.
        tokenizer: How texts become terms.
    """

    def __init__(self, documents: Sequence[str], tokenizer: Tokenizer = character_bigrams) -> None:
        self._tokenizer = tokenizer
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B)
        self._empty = True
        terms = tokenizer(documents)
        if any(terms):
            self._index.index(terms, show_progress=False)
            self._empty = False

    def search(self, queries: Sequence[str], priority: IntArray, depth: int) -> Rankings:
        """Return the best documents of each query that share a term with it, equal scores by tie priority.

        A document without a common term is not found, so that a ranking may have fewer places than `depth`.
        """
        depth = min(depth, len(priority))
        return padded(list(self.rankings(queries, priority, depth)), depth)

    def rankings(
        self, queries: Sequence[str], priority: IntArray, depth: int
    ) -> Iterator[tuple[IntArray, np.ndarray[Any, np.dtype[np.float32]]]]:
        """Yield the ranking of each query in turn."""
        for terms in self._tokenizer(queries):
            if self._empty or not terms:
                yield np.empty(0, np.int64), np.empty(0, np.float32)
                continue
            scores = np.asarray(self._index.get_scores(terms), dtype=np.float32)
            found = np.flatnonzero(scores > 0)
            if len(found) > depth:
                least = np.partition(scores[found], len(found) - depth)[len(found) - depth]
                found = found[scores[found] >= least]
            yield ranked(scores[found], found, priority, depth)


def _bigrams(word: str) -> list[str]:
    return [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]

"""BM25 scores by `bm25s`: the second opinion that needs no model.

Words become character bigrams, in place of a Korean stemmer: `학교에서` and `학교가` share `학교`. Settings are bm25s's
defaults (Lucene's formula, k1 = 1.5, b = 0.75); nothing here was tuned on a test set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from koe5_demo.records import FloatArray
from koe5_demo.tables import compared

BM25: Final = "bm25"
"""What it is called where a second model can be named."""
K1: Final = 1.5
B: Final = 0.75

Tokenizer = Callable[[Sequence[str]], list[list[str]]]


def character_bigrams(texts: Sequence[str]) -> list[list[str]]:
    """Cut each blank-separated word, in lower case, into its character bigrams; a word of one character stays.

    >>> character_bigrams(["서울 A시 는"])
    [['서울', 'a시', '는']]
    >>> character_bigrams(["학교에서"])
    [['학교', '교에', '에서']]
    """
    return [
        [word[n : n + 2] for word in compared(text).lower().split() for n in range(max(1, len(word) - 1))]
        for text in texts
    ]


def lexical_scores(queries: Sequence[str], passages: Sequence[str]) -> FloatArray:
    """Return (n_queries, n_passages) float32 BM25 scores over character bigrams; 0 where nothing is shared.

    The index holds these passages only, so that a score depends on all of them.
    """
    return np.stack(list(Bm25Scores(passages).of(queries)))


class Bm25Scores:
    """An index over a corpus, at least one document.

    Args:
        documents: Texts, in corpus order.
        tokenizer: How texts become terms.
    """

    def __init__(self, documents: Sequence[str], tokenizer: Tokenizer = character_bigrams) -> None:
        import bm25s  # a quarter of a second to import, which neither the page nor a command should begin with

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG, whatever the program wants
        self._n_documents = len(documents)
        self._tokenizer = tokenizer
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B)
        terms = tokenizer(documents)
        self._empty = not any(terms)
        if not self._empty:
            self._index.index(terms, show_progress=False)

    def of(self, queries: Sequence[str]) -> Iterator[FloatArray]:
        """Yield (n_documents,) float32 for each query in turn; 0 for a document without a common term."""
        for terms in self._tokenizer(queries):
            if self._empty or not terms:
                yield np.zeros(self._n_documents, dtype=np.float32)
            else:
                yield np.asarray(self._index.get_scores(terms), dtype=np.float32)

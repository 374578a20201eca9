"""BM25 rankings of a corpus, over character bigrams or Kiwi's morphemes; the scores are those of `ranking.lexical`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from koe5_demo.benchmark.rankings import Rankings, padded, ranked
from koe5_demo.errors import MissingExtraError
from koe5_demo.ranking.lexical import Bm25Scores, Tokenizer, character_bigrams
from koe5_demo.records import FloatArray, IntArray
from koe5_demo.tables import compared

_CONTENT_TAGS: Final = ("N", "V", "M", "XR", "XPN", "SL", "SN", "SH")
"""First letters of Kiwi's tags for words that carry meaning: nouns, verbs, modifiers, roots, foreign words, numbers."""


def kiwi_morphemes(texts: Sequence[str]) -> list[list[str]]:
    """Cut each text into the stems that carry meaning, as `form/tag`, by Kiwi.

    Raises:
        MissingExtraError: If kiwipiepy is not installed.
    """
    try:
        kiwi = importlib.import_module("kiwipiepy").Kiwi()
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="kiwipiepy", extra="kiwi") from error
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
        self._scores = Bm25Scores(documents, tokenizer)

    def search(self, queries: Sequence[str], priority: IntArray, depth: int) -> Rankings:
        """Return the best documents of each query that share a term with it, equal scores by tie priority.

        A document without a common term is not found, so that a ranking may have fewer places than `depth`.
        """
        depth = min(depth, len(priority))
        return padded(list(self.rankings(queries, priority, depth)), depth)

    def rankings(self, queries: Sequence[str], priority: IntArray, depth: int) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the ranking of each query in turn."""
        for scores in self._scores.of(queries):
            found = np.flatnonzero(scores > 0)
            if len(found) > depth:
                least = np.partition(scores[found], len(found) - depth)[len(found) - depth]
                found = found[scores[found] >= least]
            yield ranked(scores[found], found, priority, depth)

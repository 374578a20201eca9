"""BM25 as a system of a run, over character bigrams or Kiwi's morphemes; the scores are those of `ranking.lexical`."""

from __future__ import annotations

import importlib
import time
from collections.abc import Generator, Sequence
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.metrics import DEPTH
from koe5_demo.benchmark.progress import RunPhase, RunProgress, ShouldStop, StoppedError
from koe5_demo.benchmark.rankings import Ranked, padded, ranked, tie_priority
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.errors import MissingExtraError
from koe5_demo.ranking.lexical import K1, B, Bm25Scores, Tokenizer
from koe5_demo.records import FloatArray, IntArray, ModelInfo, Prompts
from koe5_demo.tables import compared

_QUERIES_A_STEP: Final = 64
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


def best_with_a_term(scores: FloatArray, priority: IntArray, depth: int) -> tuple[IntArray, FloatArray]:
    """Return the best documents that share a term with one query: positions and scores, equal scores by tie priority.

    Args:
        scores: (n_documents,) float32 of BM25; 0 without a common term.
        priority: (n_documents,) int64, see `tie_priority`.
        depth: How many to return; fewer where fewer share a term.
    """
    found = np.flatnonzero(scores > 0)
    if len(found) > depth:
        least = np.partition(scores[found], len(found) - depth)[len(found) - depth]
        found = found[scores[found] >= least]
    return ranked(scores[found], found, priority, depth)


class LexicalSystem:
    """BM25 over the terms of a tokenizer. Rankings are kept by content of the data, for the fusions that share them."""

    def __init__(self, name: str, tokenizer: Tokenizer, terms: str) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._terms = terms
        self._known: dict[str, Ranked] = {}

    @property
    def info(self) -> ModelInfo:
        """Return the settings as a model record without dimensions."""
        settings = f"bm25s {version('bm25s')}: Lucene BM25, k1={K1}, b={B}, {self._terms}"
        return ModelInfo(
            id=self._name,
            hub_id=None,
            revision="",
            engine=settings,
            dtype="float32",
            device="cpu",
            dimensions=0,
            max_tokens=0,
            prompts=Prompts(),
            fingerprint=settings,
        )

    def rank(
        self,
        data: RetrievalData,
        cache: DiskVectors,  # noqa: ARG002 the protocol has it; there are no vectors
        should_stop: ShouldStop,
    ) -> Generator[RunProgress, None, Ranked]:
        """Index the corpus and search it.

        Raises:
            StoppedError: If asked to stop.
            MissingExtraError: If the tokenizer needs a package that is not installed.
        """
        content = data.content_hash()
        if content in self._known:
            return self._known[content]
        start = time.perf_counter()
        yield RunProgress(RunPhase.SEARCHING, total=len(data.queries))
        bm25 = Bm25Scores(data.documents, self._tokenizer)
        depth, priority = min(DEPTH, len(data.documents)), tie_priority(data.document_ids)
        rows = []
        for scores in bm25.of(data.queries):
            rows.append(best_with_a_term(scores, priority, depth))
            if len(rows) % _QUERIES_A_STEP == 0:
                yield RunProgress(RunPhase.SEARCHING, done=len(rows), total=len(data.queries))
            if should_stop():
                raise StoppedError
        ranked = Ranked(padded(rows, depth), search_s=time.perf_counter() - start)
        self._known[content] = ranked
        return ranked

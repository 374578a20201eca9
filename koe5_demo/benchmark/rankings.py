"""The best documents of each query: the order of equal scores, and two rankings made one. Knows no texts, no measures.

Constants of fusion are fixed and stated, never tuned:

- Reciprocal rank fusion: the sum of 1 / (60 + rank) over the rankings that hold the document; 60 is the constant of
  Cormack, Clarke and Büttcher (SIGIR 2009).
- Weighted score: half the dense and half the lexical score, each brought to [0, 1] by the smallest and largest score
  of the query's candidates; a document missing from one ranking has 0 there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from koe5_demo.records import FloatArray, IntArray

RRF_CONSTANT: Final = 60
DENSE_WEIGHT: Final = 0.5
CANDIDATES: Final = 100
"""How many places of each ranking take part."""


@dataclass(frozen=True)
class Rankings:
    """Documents found for n queries, best first.

    Attributes:
        positions: (n_queries, depth) int64, positions in the corpus; -1 where fewer documents came back.
        scores: (n_queries, depth) float32; -inf beside a position of -1.
    """

    positions: IntArray
    scores: FloatArray


@dataclass(frozen=True)
class Lengths:
    """Token counts behind a ranking, before any cut.

    Attributes:
        queries, documents: (n,) int64.
        max_tokens: Where the model cuts.
    """

    queries: IntArray
    documents: IntArray
    max_tokens: int

    def n_cut(self) -> tuple[int, int]:
        """Return how many queries and documents were cut."""
        return int((self.queries > self.max_tokens).sum()), int((self.documents > self.max_tokens).sum())


@dataclass(frozen=True)
class Ranked:
    """Rankings and what they took.

    Attributes:
        rankings: Up to `DEPTH` documents a query.
        lengths: Token counts; None for lexical search, which has none.
        encode_s, search_s: Seconds.
        texts_encoded, tokens_encoded: What was not in the cache.
        texts_cached: What was.
        damaged: Damaged cache segments that were found and made good.
    """

    rankings: Rankings
    lengths: Lengths | None = None
    encode_s: float = 0.0
    search_s: float = 0.0
    texts_encoded: int = 0
    tokens_encoded: int = 0
    texts_cached: int = 0
    damaged: int = 0


def tie_priority(document_ids: Sequence[str]) -> IntArray:
    """Return (n_documents,) int64: 0 for the document that wins every tie, the one with the largest id.

    Ids compare by code points, as `strcmp` compares their UTF-8 bytes in trec_eval.
    """
    order = sorted(range(len(document_ids)), key=document_ids.__getitem__, reverse=True)
    priority = np.empty(len(document_ids), dtype=np.int64)
    priority[order] = np.arange(len(document_ids))
    return priority


def ranked(scores: FloatArray, positions: IntArray, priority: IntArray, depth: int) -> tuple[IntArray, FloatArray]:
    """Return the best `depth` of one query's candidates: by score, equal scores by tie priority.

    Args:
        scores: (m,) float32.
        positions: (m,) int64, positions in the corpus, none twice.
        priority: (n_documents,) int64, see `tie_priority`.
        depth: How many to return; fewer where m is smaller.
    """
    order = np.lexsort((priority[positions], -scores))[:depth]
    return positions[order], scores[order]


def padded(rows: Sequence[tuple[IntArray, FloatArray]], depth: int) -> Rankings:
    """Put rankings of different lengths into one table."""
    positions = np.full((len(rows), depth), -1, dtype=np.int64)
    scores = np.full((len(rows), depth), -np.inf, dtype=np.float32)
    for row, (found, values) in enumerate(rows):
        positions[row, : len(found)] = found
        scores[row, : len(found)] = values
    return Rankings(positions, scores)


def best_pieces(
    queries: FloatArray,
    chunks: Iterable[tuple[IntArray, FloatArray]],
    owners: IntArray,
    priority: IntArray,
    depth: int,
) -> Rankings:
    """Rank documents that lie in pieces: a document's score is that of its best piece.

    Args:
        queries: (n_queries, dim) float32.
        chunks: Pieces in any order: (m,) positions and (m, dim) float32.
        owners: (n_pieces,) int64, the document of each piece.
        priority: (n_documents,) int64, see `tie_priority`.
        depth: Places a query.
    """
    scores = np.full((len(priority), len(queries)), -np.inf, dtype=np.float32)
    for positions, vectors in chunks:
        np.maximum.at(scores, owners[positions], (vectors @ queries.T).astype(np.float32, copy=False))
    every = np.arange(len(priority))
    rows = [ranked(column, every, priority, depth) for column in scores.T]
    return padded(rows, min(depth, len(priority)))


def fused(method: str, dense: Rankings, lexical: Rankings, priority: IntArray, depth: int) -> Rankings:
    """Make one ranking of two; see the module's head.

    Args:
        method: "rrf" or "weighted".
        dense, lexical: Of the same queries.
        priority: (n_documents,) int64, see `tie_priority`.
        depth: Places a query.
    """
    depth = min(depth, len(priority))
    rows = []
    for row in range(len(dense.positions)):
        total: dict[int, float] = {}
        for rankings, weight in ((dense, DENSE_WEIGHT), (lexical, 1 - DENSE_WEIGHT)):
            found = rankings.positions[row][:CANDIDATES]
            found = found[found >= 0]
            if not len(found):
                continue
            if method == "rrf":
                points = 1 / (RRF_CONSTANT + np.arange(1, len(found) + 1))
            else:
                scores = rankings.scores[row][: len(found)]
                low, high = scores.min(), scores.max()
                points = weight * ((scores - low) / (high - low) if high > low else np.ones_like(scores))
            for position, value in zip(found.tolist(), points.astype(np.float32).tolist(), strict=True):
                total[position] = total.get(position, 0.0) + value
        positions = np.fromiter(total, np.int64, len(total))
        scores = np.fromiter(total.values(), np.float32, len(total))
        rows.append(ranked(scores, positions, priority, depth))
    return padded(rows, depth)

"""The best documents of each query, and the order of equal scores. Knows no texts and no measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koe5_demo.records import FloatArray, IntArray


@dataclass(frozen=True)
class Rankings:
    """Documents found for n queries, best first.

    Attributes:
        positions: (n_queries, depth) int64, positions in the corpus; -1 where fewer documents came back.
        scores: (n_queries, depth) float32; -inf beside a position of -1.
    """

    positions: IntArray
    scores: FloatArray

    def top(self, k: int) -> Rankings:
        """Return the first k places."""
        return Rankings(self.positions[:, :k], self.scores[:, :k])


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

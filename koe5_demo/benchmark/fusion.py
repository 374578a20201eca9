"""Two rankings made one: by reciprocal ranks, or by weighted scores. Constants are fixed and stated, never tuned.

- Reciprocal rank fusion: the sum of 1 / (60 + rank) over the rankings that hold the document; 60 is the constant of
  Cormack, Clarke and Büttcher (SIGIR 2009).
- Weighted score: half the dense and half the lexical score, each brought to [0, 1] by the smallest and largest score
  of the query's candidates; a document missing from one ranking has 0 there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from koe5_demo.benchmark.rankings import Rankings, padded, ranked
from koe5_demo.records import FloatArray, IntArray

RRF_CONSTANT: Final = 60
DENSE_WEIGHT: Final = 0.5
CANDIDATES: Final = 100
"""How many places of each ranking take part."""

_Points = Callable[[FloatArray], FloatArray]


def reciprocal_rank(dense: Rankings, lexical: Rankings, priority: IntArray, depth: int) -> Rankings:
    """Fuse by reciprocal ranks; see the module's head."""
    return _fused(dense, lexical, (_reciprocal, _reciprocal), priority, depth)


def weighted_score(dense: Rankings, lexical: Rankings, priority: IntArray, depth: int) -> Rankings:
    """Fuse by weighted scores; see the module's head."""
    return _fused(dense, lexical, (_weighted(DENSE_WEIGHT), _weighted(1 - DENSE_WEIGHT)), priority, depth)


def _reciprocal(scores: FloatArray) -> FloatArray:
    points: FloatArray = (1 / (RRF_CONSTANT + np.arange(1, len(scores) + 1))).astype(np.float32)
    return points


def _weighted(weight: float) -> _Points:
    def points(scores: FloatArray) -> FloatArray:
        if not len(scores):
            return scores
        low, high = scores.min(), scores.max()
        scaled = (scores - low) / (high - low) if high > low else np.ones_like(scores)
        weighted: FloatArray = (weight * scaled).astype(np.float32)
        return weighted

    return points


def _fused(
    dense: Rankings, lexical: Rankings, points: tuple[_Points, _Points], priority: IntArray, depth: int
) -> Rankings:
    depth = min(depth, len(priority))
    rows = []
    for row in range(len(dense.positions)):
        total: dict[int, float] = {}
        for rankings, of_scores in zip((dense, lexical), points, strict=True):
            found = rankings.positions[row][:CANDIDATES]
            found = found[found >= 0]
            for position, value in zip(
                found.tolist(), of_scores(rankings.scores[row][: len(found)]).tolist(), strict=True
            ):
                total[position] = total.get(position, 0.0) + value
        positions = np.fromiter(total, np.int64, len(total))
        scores = np.fromiter(total.values(), np.float32, len(total))
        rows.append(ranked(scores, positions, priority, depth))
    return padded(rows, depth)

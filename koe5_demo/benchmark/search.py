"""Exact nearest neighbours in chunks: time linear in the corpus, memory flat. Knows no texts, no models and no disk.

Cosines of one query against a chunk are compared with the score that a document must reach to enter that query's best
`depth`; only the few that pass are collected: apart from the matrix product the work is one comparison a cosine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from koe5_demo.benchmark.rankings import Rankings
from koe5_demo.records import FloatArray, IntArray

_QUERY_BLOCK: Final = 1024
_CHUNK_ROWS: Final = 8192
_WARM_UP_ROWS: Final = 1024
_MANY: Final = 2
"""A piece with more candidates than this many times the places raises the bar by itself first."""
_MERGE_AT: Final = 4
"""Candidates are merged once they are this many times as many as the places."""


def search(
    queries: FloatArray, chunks: Iterable[tuple[IntArray, FloatArray]], priority: IntArray, depth: int
) -> Rankings:
    """Return the best documents of each query by dot product, equal scores by tie priority.

    Memory beside the queries: one chunk of vectors, one block of 1,024 x 8,192 cosines, and the best documents so far.

    Args:
        queries: (n_queries, dim) float32, unit rows.
        chunks: Pieces of the corpus in any order: (m,) positions and (m, dim) float32 unit rows.
        priority: (n_documents,) int64, 0 wins ties (`tie_priority`).
        depth: Places a query.

    Returns:
        Rankings of min(depth, n_documents) places.
    """
    depth = min(depth, len(priority))
    blocks = [_Best(queries[start : start + _QUERY_BLOCK], depth) for start in range(0, len(queries), _QUERY_BLOCK)]
    warm = False
    for positions, vectors in chunks:
        for start, stop in _pieces(len(positions), warm=warm):
            for block in blocks:
                block.add(positions[start:stop], vectors[start:stop], priority)
        warm = True
    parts = [block.rankings(priority) for block in blocks]
    if not parts:
        return Rankings(np.empty((0, depth), np.int64), np.empty((0, depth), np.float32))
    return Rankings(np.concatenate([p.positions for p in parts]), np.concatenate([p.scores for p in parts]))


def _pieces(n: int, *, warm: bool) -> list[tuple[int, int]]:
    """Cut a chunk into pieces; the very first is small, so that a threshold exists before the bulk comes."""
    edges = [0] if warm or n <= _WARM_UP_ROWS else [0, _WARM_UP_ROWS]
    edges += list(range(edges[-1] + _CHUNK_ROWS, n, _CHUNK_ROWS))
    return list(zip(edges, [*edges[1:], n], strict=True)) if n else []


class _Best:
    """The best documents so far of one block of queries."""

    def __init__(self, queries: FloatArray, depth: int) -> None:
        self._queries = np.ascontiguousarray(queries, dtype=np.float32)
        self._depth = depth
        self._threshold = np.full(len(queries), -np.inf, dtype=np.float32)
        self._rows: list[IntArray] = [np.empty(0, np.int64)]
        self._positions: list[IntArray] = [np.empty(0, np.int64)]
        self._scores: list[FloatArray] = [np.empty(0, np.float32)]
        self._held = 0
        self._full = False

    def add(self, positions: IntArray, vectors: FloatArray, priority: IntArray) -> None:
        """Look through one piece of the corpus."""
        cosines = self._queries @ vectors.T  # (n_queries, m)
        entering = cosines >= self._threshold[:, None]
        if len(positions) > self._depth and np.count_nonzero(entering) > _MANY * self._depth * len(self._queries):
            worst = len(positions) - self._depth  # what is below this piece's own best cannot enter either
            self._threshold = np.maximum(self._threshold, np.partition(cosines, worst, axis=1)[:, worst])
            entering = cosines >= self._threshold[:, None]
        flat = np.flatnonzero(entering)
        if not len(flat):
            return
        rows, columns = np.divmod(flat, len(positions))
        self._rows.append(rows)
        self._positions.append(positions[columns])
        self._scores.append(cosines.ravel()[flat])
        self._held += len(flat)
        if self._held > _MERGE_AT * self._depth * len(self._queries) or not self._full:
            self._merge(priority)

    def rankings(self, priority: IntArray) -> Rankings:
        """Return what was found."""
        self._merge(priority)
        shape = (len(self._queries), self._depth)
        return Rankings(self._positions[0].reshape(shape), self._scores[0].reshape(shape))

    def _merge(self, priority: IntArray) -> None:
        """Keep the best `depth` of each query, in rank order, and raise its threshold."""
        rows, positions = np.concatenate(self._rows), np.concatenate(self._positions)
        scores = np.concatenate(self._scores)
        order = _in_rank_order(rows, scores, priority[positions])
        ordered = rows[order]
        starts = np.searchsorted(ordered, np.arange(len(self._queries)))
        keep = order[np.arange(len(order)) - starts[ordered] < self._depth]
        self._rows, self._positions, self._scores = [rows[keep]], [positions[keep]], [scores[keep]]
        self._held = len(keep)
        self._full = len(keep) == len(self._queries) * self._depth
        if self._full:
            self._threshold = self._scores[0].reshape(-1, self._depth)[:, -1].copy()


def _in_rank_order(rows: IntArray, scores: FloatArray, priority: IntArray) -> IntArray:
    """Return the order by query, then score, best first, then priority.

    Row and score are sorted as one number; priorities are looked at only where that leaves equals, which is rare.
    """
    keys = (rows.astype(np.uint64) << np.uint64(32)) | _falling(scores)
    order = np.argsort(keys)
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any():
        order = np.lexsort((priority, keys))
    return order.astype(np.int64, copy=False)


def _falling(scores: FloatArray) -> npt.NDArray[np.uint64]:
    """Return whole numbers below 2^32 that grow as the scores fall: IEEE 754 bits, made monotone and turned round."""
    bits = (scores + np.float32(0)).view(np.uint32)  # + 0 makes -0 the same as 0
    rising = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))
    falling: npt.NDArray[np.uint64] = (~rising).astype(np.uint64)
    return falling

"""Exact nearest neighbours in chunks: time linear in the corpus, memory flat. Knows no texts, no models and no disk.

Each piece of the corpus is screened for what can still enter a query's best `depth` (`koe5_demo.encoding.screening`).
The best scores so far set the floor that the next piece must reach; what was found is held, and put in order at the end
or when there is much of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from koe5_demo.benchmark.rankings import Rankings
from koe5_demo.records import FloatArray, IntArray

if TYPE_CHECKING:
    from koe5_demo.encoding.screening import Side

_QUERY_BLOCK: Final = 1024
_PIECE_ROWS: Final = 4096
_HELD: Final = 8
"""What is held is cut once it is this many times what is needed: ties and rising scores could fill memory."""


def search(
    queries: FloatArray,
    chunks: Iterable[tuple[IntArray, FloatArray]],
    priority: IntArray,
    depth: int,
    *,
    device: str = "cpu",
) -> Rankings:
    """Return the best documents of each query by dot product, equal scores by tie priority.

    A score is the float32 dot product of two vectors and nothing else: equal documents tie exactly. Memory beside the
    queries: one chunk of vectors, one block of 1,024 x 4,096 rough scores, and the best documents so far.

    Args:
        queries: (n_queries, dim) float32, finite.
        chunks: Pieces of the corpus in any order: (m,) positions and (m, dim) float32, finite.
        priority: (n_documents,) int64, 0 wins ties (`tie_priority`).
        depth: Places a query.
        device: Where scores are computed and the best are picked, cpu or cuda:0; only those come back.

    Returns:
        Rankings of min(depth, n_documents) places.
    """
    from koe5_demo.encoding.screening import cheap_pays, prepare  # torch: only where something is searched

    depth = min(depth, len(priority))
    if not len(queries):
        return Rankings(np.empty((0, depth), np.int64), np.empty((0, depth), np.float32))
    cheap = cheap_pays(len(queries), len(priority), queries.shape[1], device)
    edges = range(0, len(queries), _QUERY_BLOCK)
    ready = partial(prepare, cheap=cheap, device=device)
    blocks = [_Best(ready(queries[start : start + _QUERY_BLOCK]), depth) for start in edges]
    for positions, vectors in chunks:
        for start in range(0, len(positions), _PIECE_ROWS):
            piece = slice(start, start + _PIECE_ROWS)
            documents = ready(vectors[piece])
            for block in blocks:
                block.add(positions[piece], documents, priority)
    parts = [block.rankings(priority) for block in blocks]
    return Rankings(np.concatenate([p.positions for p in parts]), np.concatenate([p.scores for p in parts]))


class _Best:
    """The best documents so far of one block of queries."""

    def __init__(self, queries: Side, depth: int) -> None:
        self._queries = queries
        self._n = len(queries.rows)
        self._depth = depth
        self._best = np.full((self._n, depth), -np.inf, dtype=np.float32)  # in no order; the lowest comes first
        self._rows: list[IntArray] = [np.empty(0, np.int64)]
        self._positions: list[IntArray] = [np.empty(0, np.int64)]
        self._scores: list[FloatArray] = [np.empty(0, np.float32)]
        self._held = 0

    def add(self, positions: IntArray, documents: Side, priority: IntArray) -> None:
        """Look through one piece of the corpus."""
        from koe5_demo.encoding.screening import find_candidates

        found = find_candidates(self._queries, documents, self._best[:, 0].copy(), self._depth)
        if not len(found.scores):
            return
        self._rows.append(found.queries)
        self._positions.append(positions[found.documents])
        self._scores.append(found.scores)
        self._held += len(found.scores)
        self._raise_floor(found.queries, found.scores)
        if self._held > _HELD * self._depth * self._n:
            self._cut(priority)

    def rankings(self, priority: IntArray) -> Rankings:
        """Return what was found."""
        self._cut(priority)
        shape = (self._n, self._depth)
        return Rankings(self._positions[0].reshape(shape), self._scores[0].reshape(shape))

    def _raise_floor(self, rows: IntArray, scores: FloatArray) -> None:
        """Take new scores, in the order of their rows, among the best."""
        counts = np.bincount(rows, minlength=self._n)
        within = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
        new = np.full((self._n, counts.max()), -np.inf, dtype=np.float32)
        new[rows, within] = scores
        both = np.concatenate([self._best, new], axis=1)
        self._best = np.partition(both, -self._depth, axis=1)[:, -self._depth :]

    def _cut(self, priority: IntArray) -> None:
        """Keep the best `depth` of each query, in rank order."""
        rows, positions = np.concatenate(self._rows), np.concatenate(self._positions)
        scores = np.concatenate(self._scores)
        enough = scores >= self._best[rows, 0]
        rows, positions, scores = rows[enough], positions[enough], scores[enough]
        order = _in_rank_order(rows, scores, priority[positions])
        ordered = rows[order]
        starts = np.searchsorted(ordered, np.arange(self._n))
        keep = order[np.arange(len(order)) - starts[ordered] < self._depth]
        self._rows, self._positions, self._scores = [rows[keep]], [positions[keep]], [scores[keep]]
        self._held = len(keep)


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

"""Do two models agree? Two rankings of the same passages, or a model's and BM25's, place by place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.ranking.scores import ranking_of
from koe5_demo.records import FloatArray, IntArray


@dataclass(frozen=True)
class RankChange:
    """One passage in both rankings.

    Attributes:
        index: Position of the passage as given, from 0.
        rank_a: Counted from 1; equal scores share a rank.
        rank_b: The same; None for a passage that B does not find at all, as BM25 one without a common term.
        score_a, score_b: In the units of each side.
        gap: How far its two ranks lie apart, passages of equal score sharing the mean of their ranks, so that the order
            of those among themselves, which means nothing, is no gap.
    """

    index: int
    rank_a: int
    rank_b: int | None
    score_a: float
    score_b: float
    gap: float

    @property
    def places(self) -> int | None:
        """How many places it climbs from A to B, negative if it falls; None where B does not find it."""
        return None if self.rank_b is None else self.rank_a - self.rank_b


@dataclass(frozen=True)
class Agreement:
    """Two rankings for one query.

    Attributes:
        query: Position of the query, from 0.
        changes: One a passage, in the order of ranking A.
        kendall_tau: tau-b of the scores in [-1, 1]; None where it is not defined: one passage, or a side that gives all
            the same score.
    """

    query: int
    changes: tuple[RankChange, ...]
    kendall_tau: float | None

    def of(self, index: int) -> RankChange:
        """Return what became of one passage, by its position."""
        return self._by_index[index]

    @cached_property
    def _by_index(self) -> dict[int, RankChange]:
        return {change.index: change for change in self.changes}

    @property
    def most_different(self) -> RankChange:
        """The passage with the largest gap; of equals the one that stands higher in either ranking."""
        return min(self.changes, key=lambda change: (-change.gap, min(change.rank_a, change.rank_b or change.rank_a)))


@dataclass(frozen=True)
class AgreementReport:
    """Two rankings for every query.

    Attributes:
        queries: One a query.
    """

    queries: tuple[Agreement, ...]

    @property
    def most_different(self) -> tuple[int, RankChange]:
        """The query and passage with the largest gap, over all queries; of equals the first query's."""
        pairs = [(agreement.query, agreement.most_different) for agreement in self.queries]
        return min(pairs, key=lambda pair: -pair[1].gap)

    def scatter(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """Return scores of A, scores of B, both (n,) float32, and (n, 2) int64 queries and passages, to draw."""
        rows = [(agreement.query, change) for agreement in self.queries for change in agreement.changes]
        left = np.array([change.score_a for _, change in rows], dtype=np.float32)
        right = np.array([change.score_b for _, change in rows], dtype=np.float32)
        return left, right, np.array([(query, change.index) for query, change in rows], dtype=np.int64)


def agreement(scores_a: FloatArray, scores_b: FloatArray, *, zero_is_no_match: bool = False) -> AgreementReport:
    """Hold two rankings of the same passages for the same queries against each other.

    Equal scores share a rank and keep the order of the passages, as in every ranking shown.

    Args:
        scores_a, scores_b: (n_queries, n_passages), larger is better; the two may be in different units.
        zero_is_no_match: Whether a passage with a score of 0 or less is not found by B, and has no rank there.

    Raises:
        InputError: If the two do not have the same shape, or are empty.
    """
    if scores_a.shape != scores_b.shape or scores_a.size == 0:
        a, b = (" x ".join(map(str, scores.shape)) for scores in (scores_a, scores_b))
        raise InputError("agreement_too_few", a=a, b=b)
    from scipy import stats  # nearly a second to import, which neither the page nor a command should begin with

    least = 0.0 if zero_is_no_match else -np.inf
    queries = []
    for query, (left, right) in enumerate(zip(scores_a, scores_b, strict=True)):
        (order, ranks_a), (_, ranks_b) = ranking_of(left), ranking_of(right)
        gaps = np.abs(stats.rankdata(-left) - stats.rankdata(-right))
        changes = tuple(
            RankChange(
                index=n,
                rank_a=int(ranks_a[n]),
                rank_b=int(ranks_b[n]) if right[n] > least else None,
                score_a=float(left[n]),
                score_b=float(right[n]),
                gap=float(gaps[n]),
            )
            for n in order.tolist()
        )
        tau = float(stats.kendalltau(left, right).statistic) if len(left) > 1 else math.nan
        queries.append(Agreement(query, changes, tau if math.isfinite(tau) else None))
    return AgreementReport(tuple(queries))

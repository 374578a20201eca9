"""Do two models agree? Two rankings of the same passages, or a model's and BM25's, place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koe5_demo.benchmark.lexical import Bm25Index
from koe5_demo.errors import InputError
from koe5_demo.records import FloatArray, IntArray


@dataclass(frozen=True)
class RankChange:
    """One passage in both rankings.

    Attributes:
        index: Position of the passage as given, from 0.
        rank_a, rank_b: Counted from 1.
        score_a, score_b: In the units of each side.
        gap: How far its two ranks lie apart, passages of equal score sharing the mean of their ranks: BM25 gives 0 to
            all that share no term with the query, and their order among themselves means nothing.
    """

    index: int
    rank_a: int
    rank_b: int
    score_a: float
    score_b: float
    gap: float

    @property
    def places(self) -> int:
        """How many places it climbs from A to B; negative if it falls."""
        return self.rank_a - self.rank_b


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

    @property
    def most_different(self) -> RankChange:
        """The passage with the largest gap; of equals the one that stands higher in either ranking."""
        return min(self.changes, key=lambda change: (-change.gap, min(change.rank_a, change.rank_b)))


@dataclass(frozen=True)
class AgreementReport:
    """Two rankings for every query.

    Attributes:
        queries: One a query.
        mean_tau: Mean of the taus that are defined; None without any.
    """

    queries: tuple[Agreement, ...]
    mean_tau: float | None

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


def agreement(scores_a: FloatArray, scores_b: FloatArray) -> AgreementReport:
    """Hold two rankings of the same passages for the same queries against each other.

    Equal scores keep the order of the passages, as in every ranking shown.

    Args:
        scores_a, scores_b: (n_queries, n_passages), larger is better; the two may be in different units.

    Raises:
        InputError: If the two do not have the same shape, or are empty.
    """
    if scores_a.shape != scores_b.shape or scores_a.size == 0:
        raise InputError("agreement_too_few", a=_shape(scores_a), b=_shape(scores_b))
    queries = tuple(_one_query(n, left, right) for n, (left, right) in enumerate(zip(scores_a, scores_b, strict=True)))
    taus = [found.kendall_tau for found in queries if found.kendall_tau is not None]
    return AgreementReport(queries, float(np.mean(taus)) if taus else None)


def lexical_scores(queries: Sequence[str], passages: Sequence[str]) -> FloatArray:
    """Return (n_queries, n_passages) float32 BM25 scores over character bigrams; 0 where nothing is shared.

    The index holds these passages only, so that a score depends on all of them.
    """
    index = Bm25Index(passages)
    scores = np.zeros((len(queries), len(passages)), dtype=np.float32)
    priority = np.arange(len(passages), dtype=np.int64)
    for row, (positions, found) in enumerate(index.rankings(queries, priority, len(passages))):
        scores[row, positions] = found
    return scores


def ranks(scores: FloatArray) -> IntArray:
    """Return (n,) int64 ranks from 1, best first; equal scores keep their order."""
    order = np.argsort(-scores, kind="stable")
    places = np.empty(len(scores), dtype=np.int64)
    places[order] = np.arange(1, len(scores) + 1)
    return places


def _one_query(query: int, scores_a: FloatArray, scores_b: FloatArray) -> Agreement:
    ranks_a, ranks_b = ranks(scores_a), ranks(scores_b)
    from scipy import stats  # nearly a second to import, which neither the page nor a command should begin with

    gaps = np.abs(stats.rankdata(-scores_a) - stats.rankdata(-scores_b))
    changes = [
        RankChange(int(n), int(ranks_a[n]), int(ranks_b[n]), float(scores_a[n]), float(scores_b[n]), gap=float(gaps[n]))
        for n in np.argsort(ranks_a)
    ]
    return Agreement(query, tuple(changes), _tau(scores_a, scores_b))


def _tau(scores_a: FloatArray, scores_b: FloatArray) -> float | None:
    if len(scores_a) <= 1:
        return None
    from scipy import stats

    tau = float(stats.kendalltau(scores_a, scores_b).statistic)
    return tau if np.isfinite(tau) else None


def _shape(scores: FloatArray) -> str:
    return " x ".join(str(size) for size in scores.shape)

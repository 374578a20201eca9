"""Measures of a ranking, by trec_eval (through `pytrec_eval`), per query and averaged.

The rules, stated here once and nowhere else:

- **Ties**: equal scores rank the larger document id first, compared by code points. This is trec_eval's rule, so it is
  also MTEB's. Scores are compared as float32, as trec_eval holds them.
- **F1@k** is the harmonic mean of the mean precision@k and the mean recall@k, as published by the KoE5 paper; not the
  mean of per-query F1. Check: KoE5 on Ko-StrategyQA has P@1 .76689 and R@1 .50224, 2PR / (P + R) = .60697.
- **NDCG@k** has linear gains and log2(rank + 1) discounts; a judged document that is not found, even one that the
  corpus lacks, counts in the ideal ranking.
- Precision divides by k even where fewer documents came back. A query without relevant documents counts 0.
- A query for which nothing came back counts 0; it does not vanish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import pytrec_eval

from koe5_demo.benchmark.datasets.records import Qrels
from koe5_demo.benchmark.rankings import Rankings
from koe5_demo.records import FloatArray

TIE_RULE: Final = "equal float32 scores: larger document id first (trec_eval, MTEB)"
CUTOFFS: Final = (1, 3, 5, 10, 20, 100)
"""Every rank at which NDCG, recall and precision are kept."""
PAPER_METRICS: Final = ("ndcg_at_1", "f1_at_1", "ndcg_at_3", "f1_at_3")
HEADLINE_METRICS: Final = (*PAPER_METRICS, "ndcg_at_10", "recall_at_10", "mrr_at_10")
DEPTH: Final = max(CUTOFFS)
"""How many documents a query a run keeps."""

_MRR_CUTOFF: Final = 10
_MEASURES: Final = {f"{measure}.{','.join(map(str, CUTOFFS))}" for measure in ("ndcg_cut", "recall", "P")}
_NAMES: Final = {
    f"{ours}_at_{k}": f"{theirs}_{k}"
    for ours, theirs in (("ndcg", "ndcg_cut"), ("recall", "recall"), ("precision", "P"))
    for k in CUTOFFS
}
PER_QUERY: Final = (*_NAMES, f"mrr_at_{_MRR_CUTOFF}")
"""Measures that have a value for each query; F1@k has none, being made of means."""

PerQuery = Mapping[str, FloatArray]
"""Measure -> (n_queries,) float32 in [0, 1], in the order of the queries."""


def score_queries(rankings: Rankings, query_ids: Sequence[str], document_ids: Sequence[str], qrels: Qrels) -> PerQuery:
    """Return every measure of `PER_QUERY` for each query.

    Args:
        rankings: Best documents of each query, (n_queries, depth), in rank order.
        query_ids, document_ids: What the rows and positions mean.
        qrels: Judgements of every query.
    """
    found = [
        [(document_ids[position], score) for position, score in zip(positions, scores, strict=True) if position >= 0]
        for positions, scores in zip(rankings.positions.tolist(), rankings.scores.tolist(), strict=True)
    ]
    judged = [qrels[query_id] for query_id in query_ids]
    names = _plain_names({id_ for hits in found for id_, _ in hits}.union(*judged))
    evaluator = pytrec_eval.RelevanceEvaluator(
        {str(n): {names[id_]: grade for id_, grade in grades.items()} for n, grades in enumerate(judged)},
        _MEASURES | {"recip_rank"},
    )
    scored = evaluator.evaluate({str(n): {names[id_]: score for id_, score in hits} for n, hits in enumerate(found)})
    rows = [scored[str(n)] for n in range(len(query_ids))]
    values = {name: np.array([row[theirs] for row in rows], dtype=np.float32) for name, theirs in _NAMES.items()}
    reciprocal = np.array([row["recip_rank"] for row in rows], dtype=np.float32)
    values[f"mrr_at_{_MRR_CUTOFF}"] = np.where(reciprocal > 1 / (_MRR_CUTOFF + 0.5), reciprocal, np.float32(0))
    return values


def _plain_names(ids: Iterable[str]) -> dict[str, str]:
    """Return digits for each id, in the order of the ids: pytrec_eval ends an id at a NUL, and dies of half letters."""
    return {id_: f"{n:09d}" for n, id_ in enumerate(sorted(ids))}


def average(per_query: PerQuery) -> dict[str, float]:
    """Return the mean of every measure, and F1@k from the means, all in [0, 1]."""
    means = {name: float(np.mean(values, dtype=np.float64)) for name, values in per_query.items()}
    for k in CUTOFFS:
        means[f"f1_at_{k}"] = harmonic_mean(means[f"precision_at_{k}"], means[f"recall_at_{k}"])
    return means


def harmonic_mean(precision: float, recall: float) -> float:
    """Return 2PR / (P + R), 0 where both are 0.

    >>> round(harmonic_mean(0.76689, 0.50224), 5)
    0.60697
    """
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0

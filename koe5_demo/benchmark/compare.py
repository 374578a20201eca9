"""Paired comparison of two results on one data set: is the difference more than noise?

Resampling is scipy's: a percentile bootstrap over queries (9,999 resamples) for the 95 % interval, and a paired
randomization test (`permutation_test`, samples swapped within a query; exact where 2^n is small, otherwise 9,999
random ones) for the two-sided p-value. F1@k, which is made of means, is computed anew from each resample's means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from koe5_demo.benchmark.metrics import HEADLINE_METRICS
from koe5_demo.benchmark.results import RunResult, telling_names
from koe5_demo.errors import DataError
from koe5_demo.records import DoubleArray, IntArray

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 9_999
MOVERS: Final = 10
MOVER_METRIC: Final = "ndcg_at_10"
_SEED: Final = 5
_BATCH: Final = 1_000


@dataclass(frozen=True)
class MetricDifference:
    """One measure of two results.

    Attributes:
        metric: Name.
        a, b: Values in [0, 1].
        difference: b - a.
        low, high: 95 % interval of the difference.
        p_value: Two-sided, of no difference.
        wins, ties, losses: Queries where b is better, equal, worse; by precision@k for F1@k, which no query has.
    """

    metric: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Mover:
    """A query whose NDCG@10 differs.

    Attributes:
        query_id: Which.
        a, b: NDCG@10.
        top_a, top_b: The document that each put first; empty where none was found.
    """

    query_id: str
    a: float
    b: float
    top_a: str
    top_b: str


@dataclass(frozen=True)
class PairedComparison:
    """Two results on one data set.

    Attributes:
        dataset: Name.
        model_a, model_b: Ids, with what tells equal ones apart.
        n_queries: How many queries were compared.
        differences: One a headline measure.
        movers: Queries that moved most, the largest first.
    """

    dataset: str
    model_a: str
    model_b: str
    n_queries: int
    differences: tuple[MetricDifference, ...]
    movers: tuple[Mover, ...]


def compare_results(a: RunResult, b: RunResult, metrics: Sequence[str] = HEADLINE_METRICS) -> PairedComparison:
    """Compare two results on the same data.

    Raises:
        DataError: If the data differ.
    """
    if a.manifest.data["content"] != b.manifest.data["content"] or a.query_ids != b.query_ids:
        raise DataError("runs_share_nothing", a=a.dataset, b=b.dataset)
    names = telling_names([a, b])
    return PairedComparison(
        dataset=a.dataset,
        model_a=names[a.fingerprint],
        model_b=names[b.fingerprint],
        n_queries=len(a.query_ids),
        differences=tuple(_difference(metric, a, b) for metric in metrics),
        movers=_movers(a, b),
    )


def compare_runs(a: Sequence[RunResult], b: Sequence[RunResult]) -> list[PairedComparison]:
    """Compare the results of two runs wherever they have data of equal content.

    Raises:
        DataError: If there is none.
    """
    by_content = {result.manifest.data["content"]: result for result in b}
    pairs = [(result, by_content[c]) for result in a if (c := result.manifest.data["content"]) in by_content]
    if not pairs:
        names = [", ".join(sorted({result.dataset for result in run})) for run in (a, b)]
        raise DataError("runs_share_nothing", a=names[0], b=names[1])
    return [compare_results(left, right) for left, right in pairs]


def _difference(metric: str, a: RunResult, b: RunResult) -> MetricDifference:
    name, _, k = metric.partition("_at_")
    columns = (f"precision_at_{k}", f"recall_at_{k}") if name == "f1" else (metric,)
    left, right = (np.stack([run.per_query[name].astype(np.float64) for name in columns]) for run in (a, b))
    n = left.shape[1]
    both = np.concatenate([left, right], axis=1)  # (columns, 2n): a's queries, then b's

    def value(queries: IntArray, axis: int) -> DoubleArray:
        means: list[DoubleArray] = [column[queries].mean(axis=axis) for column in both]
        return _harmonic(*means) if name == "f1" else means[0]

    def difference(of_b: IntArray, of_a: IntArray, axis: int = -1) -> DoubleArray:
        return value(of_b, axis) - value(of_a, axis)

    rows = np.arange(n)
    observed = float(difference(rows + n, rows))
    low, high, p_value = _resampled(difference, rows, n) if n > 1 else (observed, observed, 1.0)
    wins, losses = int((right[0] > left[0]).sum()), int((right[0] < left[0]).sum())
    return MetricDifference(
        metric=metric,
        a=float(value(rows, -1)),
        b=float(value(rows + n, -1)),
        difference=observed,
        low=low,
        high=high,
        p_value=p_value,
        wins=wins,
        ties=n - wins - losses,
        losses=losses,
    )


def _resampled(difference: Callable[..., Any], rows: IntArray, n: int) -> tuple[float, float, float]:
    """Return both ends of the interval, and the p-value; see the module's head."""
    from scipy import stats  # nearly a second to import, which neither the page nor a command should begin with

    samples = (rows + n, rows)
    how: dict[str, Any] = {"vectorized": True, "n_resamples": RESAMPLES, "batch": _BATCH}
    interval = stats.bootstrap(
        samples,
        difference,
        paired=True,
        method="percentile",
        confidence_level=CONFIDENCE,
        rng=np.random.default_rng(_SEED),
        **how,
    ).confidence_interval
    test = stats.permutation_test(
        samples, difference, permutation_type="samples", rng=np.random.default_rng(_SEED), **how
    )
    return float(interval.low), float(interval.high), float(test.pvalue)


def _harmonic(precision: DoubleArray, recall: DoubleArray) -> DoubleArray:
    total = np.asarray(precision + recall)
    return 2 * precision * recall / np.where(total > 0, total, 1.0)


def _movers(a: RunResult, b: RunResult) -> tuple[Mover, ...]:
    left, right = a.per_query[MOVER_METRIC], b.per_query[MOVER_METRIC]
    order = np.argsort(-np.abs(right - left), kind="stable")[:MOVERS]
    return tuple(
        Mover(a.query_ids[i], float(left[i]), float(right[i]), (a.hits[i] or ("",))[0], (b.hits[i] or ("",))[0])
        for i in order.tolist()
        if left[i] != right[i]
    )

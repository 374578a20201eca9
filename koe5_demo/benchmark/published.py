"""Published results, a run's place among them, and the AutoRAG row that cannot be reproduced. Reads `assets/*.csv`.

The paper's AutoRAG row has NDCG@3 below NDCG@1, which one relevant document a query rules out. The tool of that time
sorted cosine distances in descending order, so that its top-3 lists were reversed; the counts of hits by rank that
explain its printed numbers are in `assets/autorag_ranks.csv` and give back the true NDCG@3.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np

from koe5_demo.benchmark.datasets.records import DatasetSpec
from koe5_demo.benchmark.datasets.registry import AUTORAG, DATASETS
from koe5_demo.benchmark.metrics import PAPER_METRICS
from koe5_demo.benchmark.results import RunResult, telling_names
from koe5_demo.catalog import ASSETS, CATALOG, KOE5

PAPER_NAMES: Final = {
    "nlpai-lab/KoE5": "KoE5",
    "BAAI/bge-m3": "BGE-m3",
    "intfloat/multilingual-e5-large": "mE5-large",
    "Alibaba-NLP/gte-multilingual-base": "mGTE",
    "upskyy/kf-deberta-multitask": "kf-deberta",
}
"""Hub id -> name in the paper's table."""

_RANK_NAMES: Final = {"nlpai-lab/KoE5": "KoE5", "BAAI/bge-m3": "bge-m3"}
_TEXT_COLUMNS: Final = ("model", "revision", "task", "split", "subset", "mteb_version", "dataset_revision", "source")
_OFFICIAL: Final = "embeddings-benchmark/results"

SIZES: Final[dict[str, tuple[int, int | None]]] = {
    "all": (0, None),
    "small": (1, 150_000_000),
    "middle": (150_000_001, 700_000_000),
    "large": (700_000_001, 10**13),
}
"""Choices of the size filter: least and most parameters. Models of unknown size are in "all" only."""


@dataclass(frozen=True)
class PublishedResult:
    """One published result.

    Attributes:
        model: Hub id or maker's name.
        revision: Of the model, as published; may be empty.
        task, split: MTEB's names.
        metrics: Measures in [0, 1] under this project's names; only those that were published.
        mteb_version: As published.
        source: The public collection it was taken from.
        parameters: Size of the model, where it is known.
    """

    model: str
    revision: str
    task: str
    split: str
    metrics: Mapping[str, float]
    mteb_version: str
    source: str
    parameters: int | None


@dataclass(frozen=True)
class RankCounts:
    """How many AutoRAG queries had their answer at true rank 1, 2 and 3, as recovered from the printed table.

    Attributes:
        queries: Number of queries.
        at_rank: Hits at true rank 1, 2, 3.
        reversed_fits: Whether a reversed list is what explains the printed numbers.
    """

    queries: int
    at_rank: tuple[int, ...]
    reversed_fits: bool

    @property
    def ndcg_at_3(self) -> float:
        """The true NDCG@3, in [0, 1]: sum of hits at rank r / log2(r + 1), over the queries."""
        return _dcg(self.at_rank) / self.queries

    @property
    def reversed_ndcg_at_3(self) -> float:
        """NDCG@3 of the same lists reversed, in [0, 1]."""
        return _dcg(self.at_rank[::-1]) / self.queries


@dataclass(frozen=True)
class Reversal:
    """What reversing the top three of a live run does.

    Attributes:
        ndcg_at_1: Of the run.
        ndcg_at_3: Of the run.
        reversed_ndcg_at_3: Of the same top-3 lists in reversed order, scored as they then stand.
        queries: How many queries took part.
        example: Query id, and its top three in true order, of a query whose answer is at rank 1; None if there is none.
    """

    ndcg_at_1: float
    ndcg_at_3: float
    reversed_ndcg_at_3: float
    queries: int
    example: tuple[str, tuple[str, ...]] | None


@dataclass(frozen=True)
class ChartedModel:
    """A bar of the chart of published models.

    Attributes:
        name: Model or system.
        value: In [0, 1].
        kind: Where the number comes from.
        parameters: Size; None where unknown.
        source: Public collection, or what computed it here.
    """

    name: str
    value: float
    kind: Literal["published", "reference", "run"]
    parameters: int | None
    source: str


@dataclass(frozen=True)
class Placement:
    """The chart of published models: its bars, best first, and how many there are on the data set, filtered or not."""

    bars: tuple[ChartedModel, ...]
    n_published: int
    n_runs: int


@dataclass(frozen=True)
class Footnote:
    """The numbers of the AutoRAG footnote: values in [0, 1], hits of the recovered reading."""

    model: str
    paper: tuple[float, float]
    recovered: RankCounts
    mteb: tuple[float, float]
    n_fits: int
    n_models: int


@cache
def published_results() -> tuple[PublishedResult, ...]:
    """Return every published result of `assets/published.csv`."""
    sizes = {row["model"]: int(row["parameters"]) for row in _rows("model_sizes.csv")}
    return tuple(
        PublishedResult(
            model=row["model"],
            revision=row["revision"],
            task=row["task"],
            split=row["split"],
            metrics={name: float(value) for name, value in row.items() if name not in _TEXT_COLUMNS and value != ""},
            mteb_version=row["mteb_version"],
            source=row["source"],
            parameters=sizes.get(row["model"]),
        )
        for row in _rows("published.csv")
    )


def published_by_mteb(hub_id: str, task: str, split: str, revision: str = "") -> PublishedResult | None:
    """Return a model's published result on a task: MTEB's own collection first, the same revision before others."""
    found = [r for r in published_results() if r.model == hub_id and r.task == task and r.split == split]
    return min(found, key=lambda r: (r.source != _OFFICIAL, r.revision != revision), default=None)


def leaderboard(
    task: str,
    split: str,
    metric: str,
    *,
    name_contains: str = "",
    parameters: tuple[int, int | None] = (0, None),
) -> list[PublishedResult]:
    """Return the published results on a task, best first, one a model (MTEB's own collection first).

    Args:
        task, split: MTEB's names.
        metric: This project's name of a measure, such as `ndcg_at_10`.
        name_contains: Part of the model's name, in any case.
        parameters: Least and most, as in `SIZES`; with either, models of unknown size are left out.
    """
    least, most = parameters
    best: dict[str, PublishedResult] = {}
    for result in published_results():
        if result.task != task or result.split != split or metric not in result.metrics:
            continue
        size = result.parameters
        fits = parameters == (0, None) if size is None else least <= size and (most is None or size <= most)
        if not fits or name_contains.lower() not in result.model.lower():
            continue
        held = best.get(result.model)
        if held is None or (held.source != _OFFICIAL and result.source == _OFFICIAL):
            best[result.model] = result
    return sorted(best.values(), key=lambda result: (-result.metrics[metric], result.model))


@cache
def paper_table() -> Mapping[str, Mapping[tuple[str, str], float]]:
    """Return the paper's own table: name in the paper -> (data set, measure) -> value in [0, 1]."""
    table: dict[str, dict[tuple[str, str], float]] = {}
    for row in _rows("paper_table.csv"):
        for metric in PAPER_METRICS:
            table.setdefault(row["model"], {})[row["dataset"], metric] = round(float(row[metric]) / 100, 6)
    return table


@cache
def rank_counts() -> Mapping[str, RankCounts]:
    """Return the recovered counts by the name that was printed."""
    return {
        row["model"]: RankCounts(
            queries=int(row["queries"]),
            at_rank=tuple(int(row[f"hits_at_list_position_{place}"]) for place in (3, 2, 1)),
            reversed_fits=row["reversed_order_fits"] == "True",
        )
        for row in _rows("autorag_ranks.csv")
    }


def recovered(hub_id: str) -> RankCounts | None:
    """Return the recovered counts of a model of the paper, where the reversed reading explains its row."""
    counts = rank_counts().get(_RANK_NAMES.get(hub_id, ""))
    return counts if counts is not None and counts.reversed_fits else None


def footnote(reference: str = KOE5.hub_id or "") -> Footnote | None:
    """Return the numbers of the AutoRAG footnote for a model; None where reversed lists do not explain its row."""
    counts = recovered(reference)
    mteb = published_by_mteb(reference, AUTORAG.task, AUTORAG.split)
    if counts is None or mteb is None:
        return None
    paper = paper_table()[PAPER_NAMES[reference]]
    fits = [model.reversed_fits for model in rank_counts().values()]
    return Footnote(
        model=PAPER_NAMES[reference],
        paper=(paper[AUTORAG.id, "ndcg_at_1"], paper[AUTORAG.id, "ndcg_at_3"]),
        recovered=counts,
        mteb=(mteb.metrics["ndcg_at_1"], mteb.metrics["ndcg_at_3"]),
        n_fits=sum(fits),
        n_models=len(fits),
    )


def show_reversal(result: RunResult, relevant: Mapping[str, Mapping[str, int]]) -> Reversal:
    """Reverse the top-3 lists of a live run and score them as the tool of that time did.

    NDCG@3 here has gains of 1 for every relevant document and log2(rank + 1) discounts; the ideal ranking is that of
    the query's relevant documents. With one relevant document a query the reversed value lies below NDCG@1 as soon as
    hits at rank 1 outnumber those at rank 3 enough: then 1 becomes 1 / log2(4) = 0.5.

    Args:
        result: Any result.
        relevant: Judgements, by query.
    """
    straight, backwards, first = [], [], []
    example = None
    for query_id, hits in zip(result.query_ids, result.hits, strict=True):
        grades = relevant[query_id]
        top = [int(grades.get(document_id, 0) >= 1) for document_id in hits[:3]]
        ideal = _dcg([1] * min(3, sum(grade >= 1 for grade in grades.values())))
        straight.append(_dcg(top) / ideal if ideal else 0.0)
        backwards.append(_dcg(top[::-1]) / ideal if ideal else 0.0)
        first.append(float(top[:1] == [1]))
        if example is None and top == [1, 0, 0]:
            example = (query_id, tuple(hits[:3]))
    return Reversal(float(np.mean(first)), float(np.mean(straight)), float(np.mean(backwards)), len(straight), example)


def published_sets() -> list[DatasetSpec]:
    """Return the data sets that have published results, the paper's three first."""
    specs = [spec for spec in DATASETS.values() if leaderboard(spec.task, spec.split, "ndcg_at_1")]
    return sorted(specs, key=lambda spec: not spec.suite)


def placement(
    results: Sequence[RunResult], spec: DatasetSpec, metric: str, name: str, size: str, reference: str
) -> Placement:
    """Place the results of a run among the published models of a data set.

    Args:
        results: Results of one run; those on other data sets are left out.
        spec: The data set.
        metric: A measure of the table.
        name: Part of the names of the published models to show.
        size: A key of `SIZES`.
        reference: Hub id of the model to mark.
    """
    published = leaderboard(spec.task, spec.split, metric, name_contains=name.strip(), parameters=SIZES[size])
    bars = []
    for row in published:
        kind: Literal["published", "reference"] = "reference" if row.model == reference else "published"
        bars.append(ChartedModel(row.model, row.metrics[metric], kind, row.parameters, row.source))
    own = [result for result in results if result.task == spec.task]
    names = telling_names(own)
    for result in own:
        known = CATALOG.get(result.model)
        size_known = known.parameters or None if known else None
        value = result.metrics[metric]
        bars.append(ChartedModel(names[result.fingerprint], value, "run", size_known, made_with(result)))
    bars.sort(key=lambda bar: -bar.value)
    return Placement(tuple(bars), len(leaderboard(spec.task, spec.split, metric)), len(own))


def made_with(result: RunResult) -> str:
    """Return what computed a result: engine, arithmetic, device."""
    model = result.manifest.model
    return f"{model['engine']}, {model['dtype']}, {model['device']}"


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _rows(name: str) -> Iterator[dict[str, str]]:
    path: Path = ASSETS / name
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)

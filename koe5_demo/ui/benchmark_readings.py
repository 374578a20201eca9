"""What is read from results: the paper's table, places among published models, comparisons, queries. No gradio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from koe5_demo.benchmark.compare import PairedComparison, compare_results
from koe5_demo.benchmark.datasets.autorag import AUTORAG
from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.explorer import QueryView, explore
from koe5_demo.benchmark.published import (
    PAPER_NAMES,
    RankCounts,
    Reversal,
    leaderboard,
    paper_table,
    published_by_mteb,
    rank_counts,
    recovered,
    show_reversal,
)
from koe5_demo.benchmark.report import PaperRow, paper_rows
from koe5_demo.benchmark.results import RunResult
from koe5_demo.catalog import CATALOG, KOE5
from koe5_demo.ui.benchmark_offers import data_of
from koe5_demo.ui.benchmark_runs import RunStore, StoredResult

REFERENCES: Final = tuple(PAPER_NAMES)
SIZES: Final[dict[str, tuple[int, int | None]]] = {
    "all": (0, None),
    "small": (1, 150_000_000),
    "middle": (150_000_001, 700_000_000),
    "large": (700_000_001, 10**13),
}
"""Choices of the size filter: least and most parameters. Models of unknown size are in "all" only."""


@dataclass(frozen=True)
class Placed:
    """A bar of the chart of published models.

    Attributes:
        rank: Place among all bars of the chart before it was shortened, counted from 1.
        name: Model or system.
        value: In [0, 1].
        kind: Where the number comes from.
        parameters: Size; None where unknown.
        source: Public collection, or what computed it here.
    """

    rank: int
    name: str
    value: float
    kind: Literal["published", "reference", "run"]
    parameters: int | None
    source: str


@dataclass(frozen=True)
class Placement:
    """The chart of published models: what is drawn, and how many there are on the data set, filtered or not."""

    bars: tuple[Placed, ...]
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


def paper_view(results: Sequence[RunResult], reference: str) -> list[PaperRow]:
    """Return the paper's table: published rows of one model, then two rows a system of the run."""
    systems = list(dict.fromkeys(result.model for result in results))
    rows = [row for row in paper_rows([], reference) if row.kind in ("paper", "recovered", "mteb")]
    for system in systems:
        own = paper_rows([result for result in results if result.model == system], reference)
        rows += [row for row in own if row.kind in ("run", "difference")]
    return rows


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


def reversal(result: RunResult) -> tuple[Reversal, RetrievalData]:
    """Reverse the top three of a result.

    Raises:
        DataError: If its judgements cannot be had.
    """
    data = data_of(result)
    return show_reversal(result, data.qrels), data


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
    least, most = SIZES[size]
    published = leaderboard(
        spec.task, spec.split, metric, name_contains=name.strip(), least_parameters=least, most_parameters=most
    )
    bars = [
        Placed(
            0,
            row.model,
            row.metrics[metric],
            "reference" if row.model == reference else "published",
            row.parameters,
            row.source,
        )
        for row in published
    ]
    own = [result for result in results if result.task == spec.task]
    bars += [Placed(0, r.model, r.metrics[metric], "run", _parameters(r), _engine(r)) for r in own]
    ordered = enumerate(sorted(bars, key=lambda bar: -bar.value), start=1)
    n_published = len(leaderboard(spec.task, spec.split, metric))
    return Placement(tuple(replace(bar, rank=rank) for rank, bar in ordered), n_published, len(own))


@lru_cache(maxsize=64)
def _comparison(store: RunStore, key_a: str, key_b: str, _dates: tuple[str, str]) -> PairedComparison:
    return compare_results(store.result(key_a).result, store.result(key_b).result)


def comparison(store: RunStore, a: StoredResult, b: StoredResult) -> PairedComparison:
    """Compare two results on the same data; what was compared lately is not computed again.

    Raises:
        DataError: If the data differ.
    """
    return _comparison(store, a.key, b.key, (a.result.manifest.date, b.result.manifest.date))


def queries(a: StoredResult, b: StoredResult | None, *, only_wrong: bool) -> list[QueryView]:
    """Return the queries of a result with their best documents, and their ranks in another one.

    Raises:
        DataError: If the texts cannot be had.
    """
    return explore(a.result, data_of(a.result), b.result if b else None, only_wrong=only_wrong)


def ranking_form(view: QueryView) -> tuple[str, str]:
    """Return a query and its passages as the boxes of the ranking tab hold them, parted by blank lines.

    Right answers that are not among the best documents come last.
    """
    found = {hit.document_id for hit in view.hits}
    missed = [gold.text for gold in view.gold if gold.document_id not in found and gold.text]
    passages = [_one_block(text) for text in (*(hit.text for hit in view.hits), *missed)]
    return " ".join(view.text.split()), "\n\n".join(text for text in passages if text)


def _one_block(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


def _parameters(result: RunResult) -> int | None:
    spec = CATALOG.get(result.model)
    return spec.parameters or None if spec else None


def _engine(result: RunResult) -> str:
    model = result.manifest.model
    return f"{model['engine']}, {model['dtype']}, {model['device']}"

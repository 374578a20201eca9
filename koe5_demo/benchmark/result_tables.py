"""Results as tables: the paper's table with published rows beside this run's, and the forms people take away."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from koe5_demo.benchmark.compare import PairedComparison
from koe5_demo.benchmark.datasets.registry import AUTORAG, SUITE
from koe5_demo.benchmark.metrics import HEADLINE_METRICS, PAPER_METRICS
from koe5_demo.benchmark.published import PAPER_NAMES, made_with, paper_table, published_by_mteb, recovered
from koe5_demo.benchmark.results import RunResult, telling_names
from koe5_demo.catalog import KOE5
from koe5_demo.exports import defuse_texts
from koe5_demo.words import Language, message

RowKind = Literal["paper", "recovered", "mteb", "run", "difference"]
Cells = Mapping[tuple[str, str], float]
"""(data set id, measure) -> value in [0, 1]; a difference may be negative."""

LABELS: Final = {
    "paper": "published (paper)",
    "recovered": "recovered from the paper",
    "mteb": "published (MTEB)",
    "run": "this run",
    "difference": "difference to MTEB",
}
METRIC_LABELS: Final = {
    "ndcg_at_1": "NDCG@1",
    "f1_at_1": "F1@1",
    "ndcg_at_3": "NDCG@3",
    "f1_at_3": "F1@3",
    "ndcg_at_10": "NDCG@10",
    "recall_at_10": "Recall@10",
    "mrr_at_10": "MRR@10",
}
"""Measure -> how a table's head writes it, such as `NDCG@10`."""

_LEFT_COLUMNS: Final = 2

Table = list[list[str]]
"""Rows of cells, the first one the head."""


@dataclass(frozen=True)
class PaperRow:
    """One row of the paper's table.

    Attributes:
        kind: Where the numbers come from.
        model: Id of the system, or the hub id for published rows.
        cells: Three data sets x four measures; what is unknown is missing.
        average: Mean of the twelve cells; None unless all are there.
        made_by: Collection and version, or engine, arithmetic, device and day; empty for the paper and what follows
            from it.
    """

    kind: RowKind
    model: str
    cells: Cells
    average: float | None
    made_by: str = ""


@dataclass(frozen=True)
class PublishedRow:
    """Published numbers of one model on one data set.

    Attributes:
        kind: Where they come from.
        metrics: Measures in [0, 1]; only those that were published.
        origin: Collection and version; empty for the paper.
    """

    kind: RowKind
    metrics: Mapping[str, float]
    origin: str = ""


def paper_rows(results: Sequence[RunResult], hub_id: str | None = None) -> list[PaperRow]:
    """Return the paper's table for one system: published rows, this run, and its difference to MTEB's numbers.

    Args:
        results: Results of one system; those on other data sets are left out.
        hub_id: The model whose published rows to show; that of the results when None.
    """
    ids = {spec.task: spec.id for spec in SUITE}
    measured = [result for result in results if result.task in ids]
    run = {(ids[result.task], metric): result.metrics[metric] for result in measured for metric in PAPER_METRICS}
    if hub_id is None:
        hub_id = next((result.manifest.model["hub_id"] for result in results), None)
    revision = next((str(result.manifest.model["revision"]) for result in results), "")
    rows: list[PaperRow] = []
    mteb: dict[tuple[str, str], float] = {}
    if hub_id is not None:
        mteb, origin = _mteb_cells(hub_id, revision)
        counts = recovered(hub_id)
        rows.append(_row("paper", hub_id, paper_table().get(PAPER_NAMES.get(hub_id, ""), {})))
        rows.append(_row("recovered", hub_id, {(AUTORAG.id, "ndcg_at_3"): counts.ndcg_at_3} if counts else {}))
        rows.append(_row("mteb", hub_id, mteb, origin))
    made_by = " / ".join(dict.fromkeys(f"{made_with(result)} · {result.manifest.date[:10]}" for result in results))
    rows.append(_row("run", results[0].model if results else "", run, made_by))
    rows.append(_row("difference", hub_id or "", {cell: run[cell] - mteb[cell] for cell in run if cell in mteb}))
    return [row for row in rows if row.cells]


def paper_board(results: Sequence[RunResult]) -> list[PaperRow]:
    """Return the paper's table whole: its models as the paper and MTEB have them, and beside them what was measured.

    KoE5 comes first, then systems of which the paper has nothing, then its other models. A measured row is followed by
    its difference to MTEB's numbers: of the same model, or of KoE5 for such a system.
    """
    names = telling_names(results)
    measured: dict[str, list[PaperRow]] = {}
    for fingerprint, name in names.items():
        mine = [result for result in results if result.fingerprint == fingerprint]
        own = mine[0].manifest.model["hub_id"] if ":" not in mine[0].model else None
        printed = own if own in PAPER_NAMES else ""
        rows = paper_rows(mine, printed or KOE5.hub_id)
        shown = [replace(row, model=name) if row.kind == "run" else row for row in rows]
        measured.setdefault(printed, []).extend(row for row in shown if row.kind in ("run", "difference"))
    board: list[PaperRow] = []
    for hub_id in ("", *PAPER_NAMES):
        published = paper_rows([], hub_id) if hub_id else []
        rows = [*published, *measured.get(hub_id, ())]
        board = [*rows, *board] if hub_id == KOE5.hub_id else [*board, *rows]
    return board


def published_rows(result: RunResult) -> list[PublishedRow]:
    """Return the published rows of a result's model on its data set; none for fusions and lexical search."""
    model = result.manifest.model
    if not model["hub_id"] or ":" in result.model:
        return []
    printed = paper_table().get(PAPER_NAMES.get(model["hub_id"], ""), {})
    own = {metric: value for (dataset, metric), value in printed.items() if dataset == result.dataset}
    rows = [PublishedRow("paper", own)]
    found = published_by_mteb(model["hub_id"], result.task, result.manifest.data["split"], model["revision"])
    if found is not None:
        rows.append(PublishedRow("mteb", found.metrics, f"{found.source} · MTEB {found.mteb_version}"))
    return [row for row in rows if any(metric in row.metrics for metric in HEADLINE_METRICS)]


def remarks(result: RunResult, language: Language = Language.EN) -> str:
    """Return what a reader of a table's row should know: a split that is no test, a model without prefixes."""
    split = result.manifest.data["split"]
    parts = [message("bench_split", language, split=split)] if split != "test" else []
    if result.unprompted:
        parts.append(message("bench_no_prefix", language))
    return "; ".join(parts)


def results_table(results: Sequence[RunResult]) -> Table:
    """Return one row a result, grouped by data set, values times 100; published rows below those of their model."""
    names = telling_names(results)
    table: Table = [["data set", "system", *(METRIC_LABELS[metric] for metric in HEADLINE_METRICS), "notes"]]
    for result in _grouped(results):
        values = [percent(result.metrics[metric]) for metric in HEADLINE_METRICS]
        table.append([result.dataset, names[result.fingerprint], *values, remarks(result)])
        for row in published_rows(result):
            values = [percent(row.metrics.get(metric)) for metric in HEADLINE_METRICS]
            table.append([result.dataset, f"  {LABELS[row.kind]}", *values, ""])
    return table


def result_record(result: RunResult) -> dict[str, Any]:
    """Return a result as the command line's JSON has it; measures in [0, 1]."""
    model = result.manifest.model
    return {
        "model": {name: model[name] for name in ("id", "hub_id", "revision", "engine", "dtype", "device")},
        "dataset": result.dataset,
        "metrics": result.headline(),
        "manifest": asdict(result.manifest),
    }


def percent(value: float | None, *, signed: bool = False) -> str:
    """Return a value in [0, 1] times 100 with two decimals; nothing for None."""
    if value is None:
        return ""
    return f"{100 * value:+.2f}" if signed else f"{100 * value:.2f}"


def comparison_table(comparisons: Sequence[PairedComparison]) -> Table:
    """Return one row a data set and measure; differences are b - a, times 100."""
    head = ["data set", "measure", "A", "B", "B - A", "95 % low", "95 % high", "p", "wins", "ties", "losses"]
    return [
        head,
        *(
            [
                comparison.dataset,
                METRIC_LABELS.get(row.metric, row.metric),
                percent(row.a),
                percent(row.b),
                *(percent(value, signed=True) for value in (row.difference, row.low, row.high)),
                f"{row.p_value:.4f}",
                *(str(n) for n in (row.wins, row.ties, row.losses)),
            ]
            for comparison in comparisons
            for row in comparison.differences
        ),
    ]


def to_markdown(table: Table) -> str:
    """Return a table in Markdown."""
    rows = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in table]
    rule = ["---", *("---:" for _ in table[0][1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in [rows[0], rule, *rows[1:]])


def to_csv(table: Table) -> str:
    """Return a table as CSV; what a spreadsheet would run as a formula is kept from it, as in every other export."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(defuse_texts(table))
    return out.getvalue()


def to_text(table: Table) -> str:
    """Return a table with aligned columns for a terminal; Korean letters count two columns."""
    widths = [max(_width(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [
            cell + " " * (width - _width(cell)) if n < _LEFT_COLUMNS else " " * (width - _width(cell)) + cell
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)


def results_csv(results: Sequence[RunResult]) -> str:
    """Return one line a result: model, data, measures in [0, 1], and the main facts of the manifest."""
    names = telling_names(results)
    facts = ("revision", "engine", "dtype", "device")
    head = ["dataset", "model", *HEADLINE_METRICS, "data_revision", *facts, "date", "tokens_per_s", "notes"]
    rows = [
        [
            result.dataset,
            names[result.fingerprint],
            *(repr(round(result.metrics[metric], 8)) for metric in HEADLINE_METRICS),
            result.manifest.data["revision"],
            *(str(result.manifest.model[fact]) for fact in facts),
            result.manifest.date,
            str(result.manifest.tokens_per_s),
            remarks(result),
        ]
        for result in _grouped(results)
    ]
    return to_csv([head, *rows])


def _grouped(results: Sequence[RunResult]) -> list[RunResult]:
    """Put results of one data set together, keeping the order of data sets and systems."""
    order = list(dict.fromkeys(result.dataset for result in results))
    return sorted(results, key=lambda result: order.index(result.dataset))


def _mteb_cells(hub_id: str, revision: str) -> tuple[dict[tuple[str, str], float], str]:
    """Return what MTEB's collections have of a model, and which collections and versions those are."""
    cells: dict[tuple[str, str], float] = {}
    origins: dict[str, dict[str, None]] = {}
    for spec in SUITE:
        found = published_by_mteb(hub_id, spec.task, spec.split, revision)
        if found is not None:
            cells |= {(spec.id, metric): found.metrics[metric] for metric in PAPER_METRICS if metric in found.metrics}
            origins.setdefault(found.source, {})[found.mteb_version] = None
    return cells, ", ".join(f"{source} · MTEB {' / '.join(versions)}" for source, versions in origins.items())


def _row(kind: RowKind, model: str, cells: Cells, made_by: str = "") -> PaperRow:
    complete = len(cells) == len(SUITE) * len(PAPER_METRICS)
    return PaperRow(kind, model, cells, sum(cells.values()) / len(cells) if complete else None, made_by)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)

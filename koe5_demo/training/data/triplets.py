"""Training triplets from the hub or from files, checked row by row.

Nothing is dropped in silence: `DataReport` counts every row that was left out and why. A set without a usable row is
refused. Tables are Arrow's, so that 700,000 triplets need no copy as Python objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pyarrow as pa
import pyarrow.compute as pc

from koe5_demo.errors import DataError
from koe5_demo.training.data.columns import (
    NEGATIVE_NAMES,
    Columns,
    as_text,
    find_columns,
    further_negatives,
    is_text,
    listed,
    require_columns,
)
from koe5_demo.training.data.report import DataReport
from koe5_demo.training.data.retrieval_set import RetrievalSet
from koe5_demo.training.data.sieve import Sieve
from koe5_demo.training.data.sources import Opened, open_source
from koe5_demo.training.recipe import NEGATIVE, SOURCE, Run


class Negatives(str, Enum):
    """What to do with rows that have no hard negative; the loss needs the same columns in every row.

    AUTO: where at least half of the rows have one, the others are left out; else all rows are used as pairs.
    REQUIRE: rows without one are left out. IGNORE: all rows are used as pairs.
    PARTS: all rows are kept, for a recipe whose parts say which have one.
    """

    AUTO = "auto"
    REQUIRE = "require"
    IGNORE = "ignore"
    PARTS = "parts"


@dataclass(frozen=True)
class Triplets:
    """Rows to train on: columns query, document and, where there are negatives, hard_negative; all text.

    `sources` says where each row comes from, None where the data does not.
    """

    table: pa.Table
    report: DataReport
    sources: pa.ChunkedArray | None = None


def load_triplets(
    source: str,
    *,
    columns: Columns | None = None,
    negatives: Negatives = Negatives.AUTO,
    evaluation_queries: frozenset[str] = frozenset(),
) -> Triplets:
    """Read and check a training set.

    Args:
        source: Hub id (owner/name, its split `train`), a parquet, JSONL or CSV file, or a folder of such files.
        columns: Names of the columns; None finds query, document | passage | positive and hard_negative | negative.
        negatives: What to do with rows without a hard negative.
        evaluation_queries: Queries whose presence in the training set is counted.

    Raises:
        DataError: If the source cannot be had or read, lacks a column, holds something else than text, or no row is
            left after the checks.
    """
    opened = open_source(source)
    chosen = find_columns(source, opened.names) if columns is None else columns
    chosen = require_columns(source, chosen, opened.names)
    if negatives is Negatives.REQUIRE and chosen.negative is None:
        raise DataError("train_no_column", name=source, column=" | ".join(NEGATIVE_NAMES), valid=listed(opened.names))
    table = as_text(source, opened.read(chosen.names), chosen)
    further = further_negatives(chosen, opened.names)
    with_negatives, n_negatives = _choose_negatives(table, negatives)
    if not with_negatives and NEGATIVE in table.column_names:
        table = table.drop_columns([NEGATIVE])
    sieve = Sieve(evaluation_queries, needs_negative=negatives is not Negatives.PARTS)
    mask = sieve.mask(table)
    kept = table.filter(mask)
    sources = opened.read([SOURCE])[SOURCE].filter(mask) if SOURCE in opened.names else None
    report = DataReport(
        source=source,
        revision=opened.revision,
        files=opened.files,
        columns=chosen,
        n_read=table.num_rows,
        n_blank=sieve.counts["blank"],
        n_without_negative=sieve.counts["without_negative"],
        n_contradictions=sieve.counts["contradiction"],
        n_duplicates=sieve.counts["duplicate"],
        n_kept=kept.num_rows,
        n_negatives_unused=0 if with_negatives else n_negatives,
        n_negatives_further=_n_filled(opened, further),
        further_columns=further,
        n_prefixed=sieve.counts["prefixed"],
        n_in_evaluation=sieve.counts["in_evaluation"],
        has_negatives=with_negatives,
        fingerprint=sieve.fingerprint(),
    )
    if kept.num_rows == 0:
        raise DataError("train_nothing_left", name=source, of=table.num_rows, **_lost(report))
    return Triplets(kept.combine_chunks(), report, sources)


def load_run_data(run: Run, benchmark: RetrievalSet | None = None) -> Triplets:
    """Read and check the training data of a run."""
    queries = frozenset() if benchmark is None else frozenset(benchmark.queries.values())
    columns = None if run.columns is None else Columns(*run.columns)
    negatives = Negatives.PARTS if run.recipe.parts else Negatives(run.negatives)
    return load_triplets(run.recipe.data, columns=columns, negatives=negatives, evaluation_queries=queries)


def _choose_negatives(table: pa.Table, wish: Negatives) -> tuple[bool, int]:
    """Return whether to train on triplets, and how many rows have a hard negative."""
    if NEGATIVE not in table.column_names:
        return False, 0
    n_negatives = _n_texts(table[NEGATIVE])
    if wish is Negatives.AUTO:
        return 2 * n_negatives >= max(table.num_rows, 1), n_negatives
    return wish in {Negatives.REQUIRE, Negatives.PARTS}, n_negatives


def _n_filled(opened: Opened, columns: tuple[str, ...]) -> int:
    return sum(map(_n_texts, opened.read(columns).columns)) if columns else 0


def _n_texts(column: pa.ChunkedArray) -> int:
    if not is_text(column.type):
        return len(column) - int(column.null_count)
    filled = pc.not_equal(pc.utf8_trim_whitespace(pc.fill_null(column, "")), "")
    return int(pc.sum(filled).as_py() or 0)


def _lost(report: DataReport) -> dict[str, int]:
    return {
        "blank": report.n_blank,
        "without_negative": report.n_without_negative,
        "contradictions": report.n_contradictions,
        "duplicates": report.n_duplicates,
    }

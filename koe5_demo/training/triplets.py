"""Training triplets from the hub or from files, checked row by row.

Nothing is dropped in silence: `DataReport` counts every row that was left out and why. A set without a usable row is
refused. Tables are Arrow's, so that 700,000 triplets need no copy as Python objects.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b, sha256
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from koe5_demo.errors import DataError
from koe5_demo.records import Notice
from koe5_demo.tables.typed import is_text
from koe5_demo.training.recipe import KOE5_RECIPE, NEGATIVE, SOURCE, Run
from koe5_demo.training.sources import (
    NAMES,
    Columns,
    as_text,
    find_columns,
    further_negatives,
    listed,
    open_source,
    require_columns,
)

ROWS_AT_A_TIME: Final = 8_192


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
class DataReport:
    """What was read of a training set and what was left out.

    Attributes:
        source: Hub id, file or folder as given.
        revision: Commit on the hub, or None.
        files: Names of the files read, none for a hub data set.
        columns: Which columns were read.
        n_read: Rows in the source.
        n_blank: Rows left out because the query or the positive is blank.
        n_without_negative: Rows left out because the hard negative is blank.
        n_contradictions: Rows left out because the positive is also the negative.
        n_duplicates: Rows left out because an equal row came before.
        n_kept: Rows to train on.
        n_negatives_unused: Hard negatives that a set used as pairs leaves aside.
        n_negatives_further, further_columns: Hard negatives beyond the one of a row that is trained on.
        n_prefixed: Kept rows with a text that carries a training prefix already: it would be added twice.
        n_in_evaluation: Kept rows whose query is also a query of the evaluation set.
        has_negatives: Whether triplets are trained on, or pairs.
        fingerprint: SHA-256 of the kept rows in their order.
    """

    source: str
    revision: str | None
    files: tuple[str, ...]
    columns: Columns
    n_read: int
    n_blank: int
    n_without_negative: int
    n_contradictions: int
    n_duplicates: int
    n_kept: int
    n_negatives_unused: int
    n_negatives_further: int
    further_columns: tuple[str, ...]
    n_prefixed: int
    n_in_evaluation: int
    has_negatives: bool
    fingerprint: str

    def notices(self) -> tuple[Notice, ...]:
        """Return what whoever started the run should know, the most important last."""
        counted = (
            ("train_notice_blank", self.n_blank),
            ("train_notice_without_negative", self.n_without_negative),
            ("train_notice_contradictions", self.n_contradictions),
            ("train_notice_duplicates", self.n_duplicates),
            ("train_notice_negatives_unused", self.n_negatives_unused),
            ("train_notice_prefixed", self.n_prefixed),
            ("train_notice_in_evaluation", self.n_in_evaluation),
        )
        found = tuple(Notice(key, {"n": n, "of": self.n_read}) for key, n in counted if n)
        if self.n_negatives_further:
            values = {"n": self.n_negatives_further, "columns": ", ".join(self.further_columns)}
            found = (*found, Notice("train_notice_further_negatives", values))
        kind = "train_notice_triplets" if self.has_negatives else "train_notice_pairs"
        return (*found, Notice(kind, {"n": self.n_kept, "columns": ", ".join(self.columns.names)}))


@dataclass(frozen=True)
class Triplets:
    """Rows to train on: columns query, document and, where there are negatives, hard_negative; all text.

    `sources` says where each row comes from, None where the data does not.
    """

    table: pa.Table
    report: DataReport
    sources: pa.ChunkedArray | None = None


def load_run_data(run: Run, evaluation_queries: frozenset[str] = frozenset()) -> Triplets:
    """Read and check the training data of a run; see `load_triplets`."""
    columns = None if run.columns is None else Columns(*run.columns)
    negatives = Negatives.PARTS if run.recipe.parts else Negatives(run.negatives)
    return load_triplets(run.recipe.data, columns=columns, negatives=negatives, evaluation_queries=evaluation_queries)


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
    chosen = find_columns(source, opened.names) if columns is None else require_columns(source, columns, opened.names)
    if negatives is Negatives.REQUIRE and chosen.negative is None:
        raise DataError("train_no_column", name=source, column=" | ".join(NAMES[NEGATIVE]), valid=listed(opened.names))
    table = as_text(source, opened.read(chosen.names), chosen)
    n_negatives = 0 if chosen.negative is None else _n_filled(table[NEGATIVE])
    has_negatives = chosen.negative is not None and (
        2 * n_negatives >= max(table.num_rows, 1) if negatives is Negatives.AUTO else negatives is not Negatives.IGNORE
    )
    if chosen.negative is not None and not has_negatives:
        table = table.drop_columns([NEGATIVE])
    further = further_negatives(chosen, opened.names)
    mask, counts, fingerprint = _sift(table, evaluation_queries, needs_negative=negatives is not Negatives.PARTS)
    if not counts["kept"]:
        lost = {name: counts[name] for name in ("blank", "without_negative", "contradictions", "duplicates")}
        raise DataError("train_nothing_left", name=source, of=table.num_rows, **lost)
    report = DataReport(
        source=source,
        revision=opened.revision,
        files=opened.files,
        columns=chosen,
        n_read=table.num_rows,
        n_blank=counts["blank"],
        n_without_negative=counts["without_negative"],
        n_contradictions=counts["contradictions"],
        n_duplicates=counts["duplicates"],
        n_kept=counts["kept"],
        n_negatives_unused=0 if has_negatives else n_negatives,
        n_negatives_further=sum(map(_n_filled, opened.read(further).columns)) if further else 0,
        further_columns=further,
        n_prefixed=counts["prefixed"],
        n_in_evaluation=counts["in_evaluation"],
        has_negatives=has_negatives,
        fingerprint=fingerprint,
    )
    sources = opened.read([SOURCE])[SOURCE].filter(mask) if SOURCE in opened.names else None
    return Triplets(table.filter(mask).combine_chunks(), report, sources)


def _n_filled(column: pa.ChunkedArray) -> int:
    """Return how many cells hold something."""
    if not is_text(column.type):
        return len(column) - int(column.null_count)
    texts = pc.fill_null(column.cast(pa.large_string()), "")
    return int(pc.sum(pc.not_equal(pc.utf8_trim_whitespace(texts), "")).as_py() or 0)


def _sift(
    table: pa.Table, evaluation_queries: frozenset[str], *, needs_negative: bool
) -> tuple[pa.Array, Counter[str], str]:
    """Decide row by row what is trained on.

    Returns:
        (rows,) bool, true where a row is kept; how many rows are kept or left out by reason, and how many of the kept
        ones carry a prefix or are in the evaluation; the SHA-256 of the kept rows in their order.
    """
    prefixes = tuple(prefix.rstrip() for prefix in KOE5_RECIPE.prompts.by_column().values())
    counts: Counter[str] = Counter()
    mask: list[bool] = []
    seen: set[bytes] = set()
    digest = sha256()
    for batch in table.to_batches(ROWS_AT_A_TIME):
        for query, positive, *negative in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row = (query, positive, *negative)
            blank = [text is None or not text.strip() for text in row]
            row_hash = _row_hash(row)
            if blank[0] or blank[1]:
                verdict = "blank"
            elif needs_negative and any(blank):
                verdict = "without_negative"
            elif positive in negative:
                verdict = "contradictions"
            elif row_hash in seen:
                verdict = "duplicates"
            else:
                verdict = "kept"
                seen.add(row_hash)
                digest.update(row_hash)
                counts["prefixed"] += any(str(text).startswith(prefixes) for text in row)
                counts["in_evaluation"] += query in evaluation_queries
            counts[verdict] += 1
            mask.append(verdict == "kept")
    return pa.array(mask, pa.bool_()), counts, digest.hexdigest()


def _row_hash(row: tuple[str | None, ...]) -> bytes:
    # A lone surrogate is legal in JSON and not in UTF-8. The lengths keep ("a", "bc") apart from ("ab", "c").
    parts = (str(text).encode("utf-8", "surrogatepass") for text in row)
    return blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=16).digest()

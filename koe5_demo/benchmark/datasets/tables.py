"""Rows of the file kinds that retrieval sets are stored in: parquet, JSON lines, CSV, TSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from koe5_demo.benchmark.datasets.assembly import Row
from koe5_demo.errors import DataError

_BATCH: Final = 8192
_COLUMNS: Final = {3: ("query-id", "corpus-id", "score"), 4: ("query-id", "iteration", "corpus-id", "score")}
"""Columns of judgements without a header, by their number: BEIR's and TREC's."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of one file, in order.

    Raises:
        DataError: If the kind is unknown or the file is broken; the message says where.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError("file_kind", name=path.name, valid=", ".join(READERS))
    try:
        yield from reader(path)
    except (
        OSError,
        UnicodeDecodeError,
        csv.Error,
        pa.ArrowException,
    ) as error:
        raise DataError("data_broken_file", name=path.name, reason=_one_line(error)) from error


def _parquet(path: Path) -> Iterator[Row]:
    for batch in pq.ParquetFile(path).iter_batches(_BATCH):
        yield from batch.to_pylist()


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.isspace():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError("file_broken_jsonl", name=path.name, line=number) from error
            if not isinstance(row, dict):
                raise DataError("file_broken_jsonl", name=path.name, line=number)
            yield row


def _csv(path: Path) -> Iterator[Row]:
    """Read as the `datasets` package does (pandas, its marks of a missing value), so that both see the same rows."""
    import pandas as pd  # slow to import, and most sets are parquet or JSON lines

    try:
        frame = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError("data_broken_file", name=path.name, reason=_one_line(error)) from error
    names = [str(name) for name in frame.columns]
    for values in frame.itertuples(index=False, name=None):
        yield {name: None if pd.isna(value) else value for name, value in zip(names, values, strict=True)}


def _tsv(path: Path) -> Iterator[Row]:
    """Read judgements: BEIR's three columns under a header, or TREC's four (query, 0, document, grade) without one."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        header: tuple[str, ...] | None = None
        for number, cells in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)):
            if not any(cell.strip() for cell in cells):
                continue
            if number == 0 and not _is_whole(cells[-1]):
                header = tuple(cells)
                continue
            columns = header or _COLUMNS.get(len(cells), ())
            if len(cells) != len(columns):
                raise DataError("data_broken_file", name=path.name, reason=f"line {number + 1}: {len(cells)} columns")
            yield dict(zip(columns, cells, strict=True))


READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    ".parquet": _parquet,
    ".jsonl": _jsonl,
    ".json": _jsonl,
    ".csv": _csv,
    ".tsv": _tsv,
}


def _is_whole(cell: str) -> bool:
    return cell.strip().lstrip("-").isdigit()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

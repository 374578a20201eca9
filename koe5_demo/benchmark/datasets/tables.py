"""Rows of the file kinds that retrieval sets are stored in: parquet, JSON lines, CSV, TSV; text also in gzip."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from koe5_demo.benchmark.datasets.assembly import Row
from koe5_demo.errors import DataError

_BATCH: Final = 8192
_GZIP: Final = ".gz"
_BEIR: Final = ("query-id", "corpus-id", "score")
_COLUMNS: Final = {3: _BEIR, 4: ("query-id", "iteration", "corpus-id", "score")}
"""Columns of judgements by their number: BEIR's and TREC's."""
_GRADE: Final = re.compile("score|rel|grade|label|judg", re.IGNORECASE)
"""Names that the last column goes by; any other word there is a broken grade."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of one file, in order.

    Raises:
        DataError: If the kind is unknown or the file is broken; the message says where.
    """
    reader = READERS.get(table_kind(path.name))
    if reader is None:
        raise DataError("file_kind", name=path.name, valid=", ".join(READERS))
    try:
        yield from reader(path)
    except (
        OSError,
        EOFError,
        UnicodeDecodeError,
        csv.Error,
        pa.ArrowException,
    ) as error:
        raise DataError("data_broken_file", name=path.name, reason=_one_line(error)) from error


def _parquet(path: Path) -> Iterator[Row]:
    for batch in pq.ParquetFile(path).iter_batches(_BATCH):
        yield from batch.to_pylist()


def _json(path: Path) -> Iterator[Row]:
    """Read one object a line, or one list of objects."""
    with _open(path) as lines:
        if lines.read(1) == "[":
            yield from _json_list(path)
            return
        lines.seek(0)
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


def _json_list(path: Path) -> Iterator[Row]:
    with _open(path) as file:
        try:
            rows = json.load(file)
        except json.JSONDecodeError as error:
            raise DataError("file_broken_jsonl", name=path.name, line=error.lineno) from error
    for number, row in enumerate(rows, start=1):
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
    """Read judgements with or without a header: BEIR's three columns, or TREC's four (query, 0, document, grade).

    Columns are taken by name where the header has MTEB's names, and by place, as BEIR takes them, where it has others.
    A file without tabs is split at blanks, as trec_eval splits it.
    """
    with _open(path) as lines:
        tabbed = "\t" in lines.readline()
        lines.seek(0)
        columns: tuple[str, ...] | None = None
        for number, cells in enumerate(csv.reader(lines, delimiter="\t") if tabbed else map(str.split, lines)):
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells)
                if not _is_number(cells[-1]):
                    continue
            if len(cells) != len(columns):
                raise DataError("data_broken_file", name=path.name, reason=f"line {number + 1}: {len(cells)} columns")
            yield dict(zip(columns, cells, strict=True))


READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    ".parquet": _parquet,
    ".jsonl": _json,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".txt": _tsv,
}


def table_kind(name: str) -> str:
    """Return the suffix that tells how a file is read, in lower case, without that of gzip."""
    return Path(name.lower().removesuffix(_GZIP)).suffix


def _open(path: Path) -> TextIO:
    if path.suffix.lower() == _GZIP:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _columns(first: list[str]) -> tuple[str, ...]:
    """Return the names of the columns, given the first line."""
    by_place = _is_number(first[-1]) or _GRADE.search(first[-1])
    named = set(_BEIR) <= set(first)
    return tuple(first) if named or not by_place else _COLUMNS.get(len(first), tuple(first))


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[+-]?\d+(\.\d*)?\s*", cell) is not None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

"""One parquet, JSONL or CSV file: its column names, and columns of it as an Arrow table."""

from __future__ import annotations

import csv
import json
from codecs import getincrementaldecoder
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from koe5_demo.errors import DataError

FILE_KINDS: Final = (".parquet", ".jsonl", ".ndjson", ".csv")
LINES_FOR_NAMES: Final = 1_000
"""Lines of a JSONL file that are read to learn its column names; later lines may add none."""
SNIFFED_BYTES: Final = 1 << 20
"""How much of a CSV file decides its encoding."""
JSON_BLOCK: Final = 1 << 26
"""Arrow refuses a line longer than its block: 64 MB is far beyond any passage."""


def column_names(path: Path) -> tuple[str, ...]:
    """Return the names of a file's columns, without reading all of it."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return tuple(pyarrow.parquet.read_schema(path).names)
    with path.open(encoding=_encoding(path), newline="") as lines:
        if kind == ".csv":
            return tuple(next(csv.reader(lines), ()))
        found: dict[str, None] = {}
        for _, line in zip(range(LINES_FOR_NAMES), lines, strict=False):
            found.update(dict.fromkeys(json_object(line)))
        return tuple(found)


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of a file.

    Raises:
        DataError: If a line of a JSONL file is no object, or holds something else than text in one of the columns.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        return pyarrow.parquet.read_table(path, columns=list(columns))
    if kind == ".csv":
        return _read_csv(path, columns)
    return _read_jsonl(path, columns)


def json_object(line: str) -> dict[str, Any]:
    """Return the object of a JSONL line, an empty one where it is none: the reader proper will say which line."""
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _read_csv(path: Path, columns: Sequence[str]) -> pa.Table:
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(encoding=_encoding(path).removesuffix("-sig")),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        ),
    )


def _encoding(path: Path) -> str:
    """Return CP949, as Korean spreadsheets write it, for a CSV file that is no UTF-8."""
    if path.suffix.lower() == ".csv":
        try:
            with path.open("rb") as file:
                getincrementaldecoder("utf-8")().decode(file.read(SNIFFED_BYTES))
        except UnicodeDecodeError:
            return "cp949"
    return "utf-8-sig"


def _read_jsonl(path: Path, columns: Sequence[str]) -> pa.Table:
    # The types are given because Arrow would guess a timestamp from texts that look like one.
    schema = pa.schema([(name, pa.string()) for name in columns])
    try:
        return pyarrow.json.read_json(
            path,
            read_options=pyarrow.json.ReadOptions(block_size=JSON_BLOCK),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid as error:
        raise _jsonl_fault(path, columns) or error from error


def _jsonl_fault(path: Path, columns: Sequence[str]) -> DataError | None:
    """Return which line Arrow stumbled over and why, or None where every line looks right."""
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                return DataError("file_broken_jsonl", name=path.name, line=number)
            for name in columns:
                if not isinstance(row.get(name), str | None):
                    kind = type(row[name]).__name__
                    return DataError("train_not_text", name=f"{path.name}:{number}", column=name, kind=kind)
    return None

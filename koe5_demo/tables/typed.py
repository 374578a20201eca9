"""Kinds of file whose cells have types: parquet and XLSX, every cell written as a person would see it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from koe5_demo.errors import TableError
from koe5_demo.records import Notice
from koe5_demo.settings import Limits
from koe5_demo.tables.record import Table, check_size, find_name, text_of, unique_names

BATCH_ROWS: Final = 8_192
UNPACKED_TIMES: Final = 10
"""How much larger than the largest file its unpacked parts may be: a zip of zeros holds a thousand times its size."""
SHEET_ROWS: Final = 1_048_576
PIECE_BYTES: Final = 1 << 20
LONGEST_TAG: Final = 64
_ZERO_FILLED: Final = re.compile("0+")
_ROWS_END: Final = re.compile(rb"</(?:\w+:)?sheetData>")
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')


def parquet_names(path: Path) -> tuple[str, ...]:
    """Return the column names of a parquet file, without reading its rows.

    Raises:
        TableError: If it is broken.
    """
    return unique_names(_open_parquet(path, path.name).schema_arrow.names)


def read_parquet(source: Path | bytes, name: str, limits: Limits | None, columns: Sequence[str] | None = None) -> Table:
    """Read a parquet file, or some of its columns; those that are not there are left out."""
    import pyarrow as pa

    file = _open_parquet(source, name)
    stored = file.schema_arrow.names
    places = range(len(stored)) if columns is None else (find_name(column, stored) for column in columns)
    wanted = [stored[place] for place in dict.fromkeys(places) if place is not None]
    check_size(name, len(stored), file.metadata.num_rows, limits)
    rows: list[tuple[str, ...]] = []
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
            cells = {column: map(text_of, batch.column(column).to_pylist()) for column in wanted}
            rows.extend(zip(*(cells[column] for column in wanted), strict=True))
        kinds = {
            column: (0, str(kind)) for column in wanted if not is_text(kind := file.schema_arrow.field(column).type)
        }
    except (OSError, ValueError, TypeError, KeyError, OverflowError, pa.ArrowException) as error:
        raise _broken(name, error) from error
    lines = tuple(range(1, len(rows) + 1))
    return Table(name, "", unique_names(wanted), tuple(rows), lines, kinds, headed=False)


def read_xlsx(content: bytes, name: str, limits: Limits | None, sheet: str | None = None) -> Table:
    """Read one sheet of a workbook, the first one when None; the first row that is not blank names the columns."""
    sheets = _open_book(content, name, limits)
    titles = tuple(one.title for one in sheets)
    place = 0 if sheet is None and titles else find_name(sheet or "", titles)
    if place is None:
        raise TableError("file_no_sheet", name=name, sheet=sheet or "", valid=", ".join(titles) or "-")
    found = sheets[place]
    rows: list[list[str]] = []
    width = 0
    for cells in _sheet_rows(found, name):
        rows.append(cells)
        width = max(width, len(cells))
        check_size(name, width, len(rows), limits)
    n_merged = _fill_merged(rows, _merged_columns(found, name), name)
    while rows and not rows[-1]:
        rows.pop()
    begin = next((place for place, cells in enumerate(rows) if cells), None)
    if begin is None and len(titles) > 1:
        raise TableError("file_empty_sheet", name=name, sheet=titles[place], valid=", ".join(titles))
    if begin is None:
        raise TableError("file_empty", name=name)
    header, *body = (tuple(cells + [""] * (width - len(cells))) for cells in rows[begin:])
    told = []
    if len(titles) > 1:
        told.append(Notice("notice_sheet", {"name": name, "sheet": titles[place], "n": len(titles)}))
    if n_merged:
        told.append(Notice("notice_merged", {"name": name, "n": n_merged}))
    return Table(
        name,
        "",
        unique_names(header),
        tuple(body),
        tuple(range(begin + 2, len(rows) + 1)),
        notices=tuple(told),
        sheet=titles[place],
        sheets=titles,
    )


def xlsx_sheets(content: bytes, name: str, limits: Limits | None) -> tuple[str, ...]:
    """Return the titles of a workbook's sheets, without reading their rows.

    Raises:
        TableError: If it is broken or would unpack to too much.
    """
    return tuple(sheet.title for sheet in _open_book(content, name, limits))


def _open_parquet(source: Path | bytes, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(source if isinstance(source, Path) else pa.BufferReader(source))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _broken(name, error) from error


def is_text(kind: Any) -> bool:
    """Return whether an Arrow type is one of its kinds of string, or holds nothing but nulls."""
    import pyarrow as pa

    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(value) for test in tests)


def require_unpacked(content: bytes, name: str, limits: Limits | None) -> None:
    """Refuse a workbook or zip by what its parts say they unpack to; no more than that is ever unpacked.

    Raises:
        TableError: If it is broken or would be too big.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            megabytes = sum(part.file_size for part in parts.infolist()) / 1e6
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _broken(name, error) from error
    if limits is not None and megabytes > UNPACKED_TIMES * limits.file_mb:
        raise TableError("file_unpacks", name=name, mb=megabytes, limit=UNPACKED_TIMES * limits.file_mb)


def _open_book(content: bytes, name: str, limits: Limits | None) -> list[Any]:
    """Return the sheets of a workbook, each with its title."""
    import openpyxl

    require_unpacked(content, name, limits)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        return list(book.worksheets)
    except Exception as error:  # what a broken workbook makes this reader raise is of any kind
        raise _broken(name, error) from error


def _sheet_rows(sheet: Any, name: str) -> Iterator[list[str]]:
    """Yield the cells of each row, without the blank ones at its end."""
    try:
        sheet.reset_dimensions()  # what a file says of its own size is often wrong
        for number, row in enumerate(sheet.iter_rows(), start=1):
            cells = [_shown(cell) for cell in row]
            while cells and not cells[-1].strip():
                cells.pop()
            yield cells
            if number == SHEET_ROWS:  # no sheet has more; a file may say so
                return
    except Exception as error:  # as above
        raise _broken(name, error) from error


def _merged_columns(sheet: Any, name: str) -> list[tuple[int, int, int]]:
    """Return (column, first row, last row), from 0, of the cells that are merged over several rows.

    openpyxl leaves them out where it reads row by row, and reading otherwise takes ten times the memory. They stand
    behind the rows in the sheet's part of the workbook.
    """
    from openpyxl.utils import range_boundaries

    try:
        with sheet.parent._archive.open(sheet._worksheet_path) as part:  # noqa: SLF001 no other way by rows
            tail = _behind_the_rows(part)
        bounds = [range_boundaries(found[1].decode("ascii")) for found in _MERGED.finditer(tail)]
    except Exception as error:  # as above
        raise _broken(name, error) from error
    return [(left - 1, top - 1, bottom - 1) for left, top, _, bottom in bounds if bottom > top]


def _behind_the_rows(part: IO[bytes]) -> bytes:
    """Return what follows the rows in a sheet's part, without holding the rows: they may be most of a gigabyte."""
    tail, in_rows = b"", True
    while piece := part.read(PIECE_BYTES):
        tail += piece
        end = _ROWS_END.search(tail) if in_rows else None
        if end is not None:
            tail, in_rows = tail[end.end() :], False
        elif in_rows:
            tail = tail[-LONGEST_TAG:]
    return tail


def _fill_merged(rows: list[list[str]], merged: Sequence[tuple[int, int, int]], name: str) -> int:
    """Give each row what a cell merged over it shows; return how many cells were filled.

    Raises:
        TableError: If merged cells lie over each other, which no program writes and which has no end.
    """
    n_filled, n_cells = 0, len(rows) * max(map(len, rows), default=0)
    for column, top, bottom in merged:
        shown = rows[top][column] if top < len(rows) and column < len(rows[top]) else ""
        if not shown.strip():
            continue
        for row in rows[top + 1 : bottom + 1]:
            row.extend([""] * (column + 1 - len(row)))
            row[column] = shown
            n_filled += 1
        if n_filled > n_cells:
            raise TableError("data_broken_file", name=name, reason="merged cells overlap")
    return n_filled


def _shown(cell: Any) -> str:
    """Return a cell as its sheet shows it: 007 where its format fills up with zeros, 0.3 for the sum of 0.1 and 0.2."""
    value = cell.value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int) and _ZERO_FILLED.fullmatch(cell.number_format):
        return str(value).zfill(len(cell.number_format))
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.15g}"
    return text_of(value)


def _broken(name: str, error: Exception) -> TableError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return TableError("data_broken_file", name=name, reason=reason)

"""From a file or its bytes to a table: kinds, sizes, encodings. Every fault is a `TableError` that says what to do."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Final

from koe5_demo.errors import TableError
from koe5_demo.settings import Limits
from koe5_demo.tables.delimited import TAB, Record, find_separator, read_csv, split_records
from koe5_demo.tables.lines import read_json, read_jsonl, read_text
from koe5_demo.tables.record import LINE_END, Table
from koe5_demo.tables.typed import read_parquet, read_xlsx, xlsx_sheets

GZIP: Final = ".gz"
PARQUET: Final = "parquet"
XLSX: Final = "xlsx"
_TEXT_READERS: Final[dict[str, Callable[[str, str, Limits | None], Table]]] = {
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "tsv": partial(read_csv, separator=TAB),
    "txt": read_text,
}
KINDS: Final = (PARQUET, *_TEXT_READERS, XLSX)
"""Endings of files that are read, also before `.gz`; of a table that lies there twice the first of these counts."""
UPLOADED: Final = ("txt", "csv", "tsv", "jsonl", "ndjson", XLSX)
"""What visitors may send: kinds whose size can be known before they are unpacked."""
PIECE_BYTES: Final = 16_000_000
"""Size of the pieces that `read_pieces` reads a large file in."""
_MARKS: Final = (  # UTF-32's begins like UTF-16's, so it comes first
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


def read_file(path: Path, limits: Limits | None = None, *, sheet: str | None = None) -> Table:
    """Read a file on this machine; see `read_table`.

    Raises:
        TableError: If it cannot be opened or read.
    """
    if limits is None and file_kind(path.name) == PARQUET and path.suffix.lower() != GZIP:
        return read_parquet(path, path.name, limits)
    return read_table(_bytes_of(path, limits), path.name, limits, sheet=sheet)


def read_pieces(path: Path) -> Iterator[Table]:
    """Read a file on this machine of any size: one of JSON lines in pieces, so that a corpus is never whole in memory.

    Raises:
        TableError: As `read_file`; lines are counted through all pieces.
    """
    try:
        whole = path.suffix.lower() not in (".jsonl", ".ndjson") or path.stat().st_size <= PIECE_BYTES
    except OSError:
        whole = True
    if whole:
        yield read_file(path)
        return
    with path.open("rb") as file:
        n_lines = 0
        begun = file.readline(PIECE_BYTES)
        if begun.lstrip().startswith(b"[") or begun.startswith(tuple(mark for mark, _ in _MARKS)):
            yield read_file(path)
            return
        file.seek(0)
        while block := file.read(PIECE_BYTES) + file.readline():
            if block.strip():
                yield _piece(block, path.name, n_lines)
            n_lines += block.count(b"\n")


def _piece(block: bytes, name: str, n_before: int) -> Table:
    try:
        return read_table(block, name)
    except TableError as error:
        if isinstance(line := error.values.get("line"), int):
            raise TableError(error.key, **{**error.values, "line": line + n_before}) from error
        raise


def read_table(content: bytes, name: str, limits: Limits | None = None, *, sheet: str | None = None) -> Table:
    """Read a table.

    Every cell is text: ids keep their zeros, numbers are written as a person would see them, null and NaN are blank.
    Blank rows keep their places; blank lines of JSONL and at the end of a file are no rows.

    Args:
        content: The bytes of the file.
        name: Its name; the ending says how it is read, see `KINDS`.
        limits: Looked at before any work; None for the files of whoever runs the program.
        sheet: Of a workbook; the first one when None.

    Raises:
        TableError: If it is empty, too big, of an unknown kind, in an unknown encoding, or broken.
    """
    kind = file_kind(name)
    if kind not in KINDS:
        raise TableError("file_kind", name=name, valid=", ".join(f".{kind}" for kind in KINDS))
    content = _unpacked(content, name, limits)
    if not content:
        raise TableError("file_empty", name=name)
    if kind == PARQUET:
        return read_parquet(content, name, limits)
    if kind == XLSX:
        return read_xlsx(content, name, limits, sheet)
    text, encoding = decode(content, name)
    if not text.strip():
        raise TableError("file_empty", name=name)
    return replace(_TEXT_READERS[kind](text, name, limits), encoding=encoding)


def sheet_names(content: bytes, name: str, limits: Limits | None = None) -> tuple[str, ...]:
    """Return the titles of a workbook's sheets, in its order; none for a file of another kind.

    Args:
        content: The bytes of the file.
        name: Its name; the ending says how it is read.
        limits: None for the files of whoever runs the program.

    Raises:
        TableError: If a workbook is too big or broken.
    """
    return xlsx_sheets(_unpacked(content, name, limits), name, limits) if file_kind(name) == XLSX else ()


def read_cells(content: Path | bytes, name: str = "", limits: Limits | None = None) -> list[Record]:
    """Return the rows of a delimited file as they are, for one that may have no header: (line, cells), none blank.

    A file without tabs is split at blanks, as trec_eval splits it; a CSV file by its own separator.

    Args:
        content: A file of this machine, or the bytes of one.
        name: Of the file whose bytes they are.
        limits: None for the files of whoever runs the program.

    Raises:
        TableError: If it cannot be opened or read.
    """
    if isinstance(content, Path):
        return read_cells(_bytes_of(content, limits), content.name, limits)
    text, _ = decode(_unpacked(content, name, limits), name)
    lines = LINE_END.split(text)
    first = next((line for line in lines if line.strip()), "")
    if TAB not in first and file_kind(name) != "csv":
        records = [(line, raw.split()) for line, raw in enumerate(lines, start=1)]
    else:
        separator = TAB if TAB in first else find_separator(text, name)
        records = list(split_records(text, name, separator))
    return [(line, cells) for line, cells in records if any(cell.strip() for cell in cells)]


def file_kind(name: str) -> str:
    """Return the ending that tells how a file is read, in lower case, without its dot and that of gzip."""
    return PurePath(name.lower().removesuffix(GZIP)).suffix.removeprefix(".")


def decode(content: bytes, name: str) -> tuple[str, str]:
    """Return (text, encoding): a byte order mark decides, else UTF-8, else CP949 as Korean spreadsheets write it.

    Raises:
        TableError: If neither fits.
    """
    marked = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    try:
        # Some programs write the mark twice.
        return content.decode(marked or "utf-8").lstrip("\ufeff"), marked or "utf-8"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    try:
        return content.decode("cp949" if marked is None else marked), "cp949"
    except UnicodeDecodeError as error:
        raise TableError("file_encoding", name=name, line=line) from error


def _bytes_of(path: Path, limits: Limits | None) -> bytes:
    try:
        _require_megabytes(path.stat().st_size, path.name, limits)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise TableError("file_missing", name=str(path), reason=getattr(error, "strerror", "") or str(error)) from error


def _unpacked(content: bytes, name: str, limits: Limits | None) -> bytes:
    _require_megabytes(len(content), name, limits)
    if not name.lower().endswith(GZIP):
        return content
    most = -1 if limits is None else int(limits.file_mb * 1e6) + 1
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(most)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError("data_broken_file", name=name, reason=str(error) or type(error).__name__) from error
    _require_megabytes(len(unpacked), name, limits)
    return unpacked


def _require_megabytes(n_bytes: int, name: str, limits: Limits | None) -> None:
    if limits is not None and n_bytes / 1e6 > limits.file_mb:
        raise TableError("file_too_big", name=name, mb=n_bytes / 1e6, limit=limits.file_mb)

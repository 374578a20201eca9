"""CSV and TSV: which separator a file has, what its quotes mean, and the guards of our own files taken off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from koe5_demo.errors import TableError
from koe5_demo.settings import Limits
from koe5_demo.tables.record import LINE_END, TEXT_COLUMNS, Table, check_size, folded, unique_names

TAB: Final = "\t"
SEPARATORS: Final = (",", ";", TAB, "|")
SNIFFED_ROWS: Final = 100
SNIFFED_CHARS: Final = 65_536
KNOWN_NAMES: Final = frozenset(
    {*TEXT_COLUMNS, "id", "_id", "title", "query", "positive", "negative", "hard_negative", "question", "answer"}
    | {"query-id", "corpus-id", "score", "번호", "제목", "질문", "질의", "답변", "답"}
)
GUARDED: Final = r"'*[=+\-@\t\r\n＝＋－＠]"
"""Beginnings that a spreadsheet takes for a formula, behind any number of apostrophes: `exports.defuse` puts one more
before such a cell, so that `unguarded` knows what was there."""
OUR_COLUMNS: Final = frozenset({"query", "rank", "index", "score", "passage", "model", "revision", "engine"})
_STATED: Final = re.compile(r"sep=([^\"\r\n])(?:\r\n|\r|\n)", re.IGNORECASE)  # as spreadsheets write it
_UNQUOTED_LINE: Final = re.compile(r'([^"\r\n]*)(?:\r\n|\r|\n|\Z)')
_GUARD: Final = re.compile(rf"\A'(?={GUARDED})")

Record = tuple[int, list[str]]
"""Line of the file, cells; an empty line has no cell."""


def read_csv(text: str, name: str, limits: Limits | None, separator: str | None = None) -> Table:
    """Read a file by its separator; None takes the one that its first line states, or finds it."""
    first_line = 1
    if separator is None and (stated := _STATED.match(text)) is not None:
        text, separator, first_line = text[stated.end() :], stated[1], 2
    elif separator is None:
        separator = find_separator(text, name)
    records = list(split_records(text, name, separator, first_line))
    while records and not records[-1][1]:
        records.pop()
    begin = next((place for place, (_, cells) in enumerate(records) if any(cell.strip() for cell in cells)), None)
    if begin is None:
        raise TableError("file_empty", name=name)
    (_, header), *body = records[begin:]
    width = len(header)
    check_size(name, width, len(records), limits)
    for line, cells in body:
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            raise TableError("file_wide_row", name=name, line=line, cells=len(cells), columns=width)
    rows: list[Sequence[str]] = [cells[:width] + [""] * (width - len(cells)) for _, cells in body]
    if is_ours(header, rows):
        header, rows = list(map(unguarded, header)), [list(map(unguarded, row)) for row in rows]
    return Table(name, "", unique_names(header), tuple(map(tuple, rows)), tuple(line for line, _ in body))


def find_separator(text: str, name: str) -> str:
    """Return the separator under which the first rows are most alike; a comma where no separator parts the header.

    Of two that part all rows alike, the one whose column names are known wins, then the one whose names have whole
    brackets, then the one that is not followed by blanks as the commas of prose are.
    """
    best: tuple[tuple[float, ...], str] | None = None
    for separator in SEPARATORS:
        try:
            records = (row for _, row in split_records(text, name, separator) if any(cell.strip() for cell in row))
            rows = list(islice(records, SNIFFED_ROWS))
        except TableError:
            continue  # the quotes do not fit
        width = len(rows[0]) if rows else 0
        if width > 1:
            sample = text[:SNIFFED_CHARS]
            fits = sum(len(row) == width for row in rows) / len(rows)
            known = sum(folded(cell) in KNOWN_NAMES for cell in rows[0])
            whole = sum(cell.count("(") == cell.count(")") for cell in rows[0]) / width
            prose = sample.count(f"{separator} ") / max(sample.count(separator), 1)
            score = (fits, known, whole, -prose)
            if best is None or score > best[0]:
                best = score, separator
    return "," if best is None else best[1]


def split_records(text: str, name: str, separator: str, first_line: int = 1) -> Iterator[Record]:
    """Yield the rows of a text as they are written.

    A cell is quoted where its closing quote ends it. Else its quotes are part of it, as in `"한국"의 수도`; in a file
    of tabs a quoted cell may hold line breaks but no tab.

    Raises:
        TableError: If a quote that opens a cell of a CSV is never closed.
    """
    escaped = re.escape(separator)
    inside, lead = ('[^"\t]', "") if separator == TAB else ('[^"]', " *")
    any_cell = re.compile(rf'{lead}"({inside}*(?:""{inside}*)*)"{lead}(?={escaped}|\r|\n|\Z)|([^{escaped}\r\n]*)')
    place, line = 0, first_line
    while place < len(text):
        whole = _UNQUOTED_LINE.match(text, place)
        if whole is not None:
            yield line, whole[1].split(separator) if whole[1] else []
            place, line = whole.end(), line + 1
            continue
        cells: list[str] = []
        begun = line
        while True:
            found = next(any_cell.finditer(text, place))  # matches at this place, if only nothing
            quoted, plain = found.groups()
            if quoted is None and separator != TAB and plain.lstrip(" ").startswith('"') and plain.count('"') == 1:
                raise TableError("file_broken_csv", name=name, line=line, reason=f"{plain.strip()[:20]} …")
            cells.append(plain if quoted is None else quoted.replace('""', '"'))
            line += len(LINE_END.findall(quoted or ""))
            place = found.end()
            if text[place : place + 1] != separator:
                break
            place += 1
        yield begun, cells
        end = LINE_END.match(text, place)
        place = len(text) if end is None else end.end()
        line += 1


def unguarded(cell: str) -> str:
    """Return a cell of our own files as it was before `exports.defuse` guarded it."""
    return _GUARD.sub("", cell)


def is_ours(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether `exports` wrote a file: a ranking has our columns; a matrix has its texts twice."""
    if set(header) >= OUR_COLUMNS:
        return True
    return "@" in header[0] and len(header) > 1 and list(header[1:]) == [row[0] for row in rows]

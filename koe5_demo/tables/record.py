"""A table as a record: names of columns, rows of text, where each row stands in its file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Final

from koe5_demo.errors import TableError
from koe5_demo.records import Notice
from koe5_demo.settings import Limits
from koe5_demo.tables.texts import Parsed, clean, compared, seen

TEXT_COLUMNS: Final = ("text", "passage", "document", "content", "본문", "내용", "문단", "문서")
LINE_END: Final = re.compile(r"\r\n|\r|\n")
SHOWN_ROWS: Final = 5
SAMPLED_ROWS: Final = 200
WHOLE_UP_TO: Final = 1e15
"""Whole numbers beyond are not exact in a float, and are written as it holds them."""


@dataclass(frozen=True)
class Table:
    """A file as columns of text.

    Attributes:
        name: Name of the file.
        encoding: How its bytes were read; empty for kinds that are no text.
        columns: Column names in file order; one, "text", for a plain text file.
        rows: One tuple a row, as wide as `columns`; blank rows keep their places.
        lines: Where each row begins: line of a text file, row of a sheet, row of a parquet file; all from 1.
        kinds: Column -> (line, kind) of what is first found in it that was no text; line 0 means all of it.
        notices: What a reader should know about the reading.
        sheet: Title of the sheet that was read; empty for kinds without sheets.
        sheets: Titles of all sheets of the workbook, in its order.
        headed: Whether the columns' names are its first row, which might have been a text.
    """

    name: str
    encoding: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...] = ()
    kinds: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    headed: bool = True

    @property
    def suggested_column(self) -> str:
        """Return the column that most likely holds passages: a known name, else the one with the longest texts."""
        for column in self.columns:
            if folded(column) in TEXT_COLUMNS:
                return column
        lengths = [sum(len(row[i]) for row in self.rows[:SAMPLED_ROWS]) for i in range(len(self.columns))]
        return self.columns[lengths.index(max(lengths))]

    def find(self, column: str) -> int | None:
        """Return the place of a column, its name written in any case and in any form of Unicode; None without one."""
        return find_name(column, self.columns)

    def records(self) -> Iterator[dict[str, str]]:
        """Yield each row as a dictionary whose names are as `folded` writes them."""
        places = {folded(column): place for place, column in reversed(list(enumerate(self.columns)))}
        for row in self.rows:
            yield {name: row[place] for name, place in places.items()}

    def texts(self, column: str | None = None, limits: Limits | None = None) -> Parsed:
        """Return the texts of one column, the suggested one when None; blank rows are told and keep their places.

        Args:
            column: Its name.
            limits: Looked at before any work on the texts.

        Raises:
            InputError: If there is no such column, it holds no text, or a limit is passed.
        """
        place = self.find(self.suggested_column if column is None else column)
        if place is None:
            raise TableError("file_no_column", name=self.name, column=column, valid=", ".join(self.columns))
        raw = [row[place] for row in self.rows]
        _require_size(raw, limits)
        parsed = clean(raw)
        chosen = self.columns[place]
        if not parsed.texts:
            raise TableError("file_no_text", name=self.name, column=chosen)
        notices = [notice for notice in parsed.notices if notice.key != "notice_blank_skipped"]
        if parsed.places is not None:
            blank = sorted(set(range(len(raw))) - set(parsed.places))
            rows = ", ".join(str(row + 1) for row in blank[:SHOWN_ROWS]) + (", …" if len(blank) > SHOWN_ROWS else "")
            notices.insert(0, Notice("notice_blank_rows", {"name": self.name, "n": len(blank), "rows": rows}))
        if len(self.columns) > 1 or folded(chosen) not in TEXT_COLUMNS:
            key = "notice_column" if self.headed else "notice_named_column"
            notices.insert(0, Notice(key, {"name": self.name, "column": chosen}))
        return Parsed(parsed.texts, (*self.notices, *notices), parsed.places, parsed.n_given)


def folded(name: str) -> str:
    """Return the name of a column or an id as it is compared: in any case, in any form of Unicode.

    >>> folded(" _ID\u200b ")
    '_id'
    """
    return " ".join(compared(name).casefold().split())


def find_name(wanted: str, names: Sequence[str]) -> int | None:
    """Return the place of a name: as it is written, else as it is compared; None if it is not there."""
    if wanted in names:
        return names.index(wanted)
    return next((place for place, name in enumerate(names) if folded(name) == folded(wanted)), None)


def check_size(name: str, n_columns: int, n_rows: int, limits: Limits | None) -> None:
    """Refuse a table before it is filled up to its full width: a few bytes a row may stand for a thousand cells.

    Args:
        name: Of the file.
        n_columns, n_rows: Its size.
        limits: None for the files of whoever runs the program.

    Raises:
        TableError: If it has too many columns or cells.
    """
    if limits is None:
        return
    if n_columns > limits.columns:
        raise TableError("file_too_many_columns", name=name, n=n_columns, limit=limits.columns)
    if n_columns * n_rows > limits.cells:
        raise TableError("file_too_many_cells", name=name, n=n_columns * n_rows, limit=limits.cells)


def unique_names(header: Iterable[str]) -> tuple[str, ...]:
    """Name nameless columns by their place and number repeated names, so that each can be chosen."""
    names: dict[str, None] = {}
    for place, raw in enumerate(header, start=1):
        name = seen(raw).strip() or f"column {place}"
        while name in names:
            name += f" ({place})"
        names[name] = None
    return tuple(names)


class Written(str):
    """A number of a JSON file as it is written there."""

    __slots__ = ()


def text_of(value: object) -> str:
    """Return a cell as text, as a person would see it; None and NaN are blank, lists and objects are JSON.

    >>> text_of(2024.0), text_of(None), text_of(["부산", 1])
    ('2024', '', '["부산", 1]')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < WHOLE_UP_TO else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return _as_json(value) if isinstance(value, (bool, list, tuple, dict)) else str(value)


def _as_json(value: object) -> str:
    if isinstance(value, Written):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_as_json(str(key))}: {_as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_as_json, value)) + "]"
    if value is None or isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False)
    return text_of(value) or "null"


def _require_size(raw: Sequence[str], limits: Limits | None) -> None:
    """Refuse more than may be worked on, as it was read."""
    if limits is None:
        return
    n = sum(bool(text and not text.isspace()) for text in raw)
    if n > limits.passages:
        raise TableError("too_many_passages", n=n, limit=limits.passages)
    chars = sum(map(len, raw))
    if chars > limits.chars_in_all and sum(map(len, map(str.strip, raw))) > limits.chars_in_all:
        raise TableError("too_much_text", chars=chars, limit=limits.chars_in_all)

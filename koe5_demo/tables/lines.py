"""Text files of one line a row: plain texts, and JSON objects or strings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from koe5_demo.errors import TableError
from koe5_demo.settings import Limits
from koe5_demo.tables.record import LINE_END, Table, Written, check_size, text_of, unique_names

_ANY_LINE_END: Final = re.compile(r"\r\n?|\u2028|\u2029|\x85")


def read_text(text: str, name: str, limits: Limits | None) -> Table:
    """Read one text a line; blank lines keep their places, those at the end are none."""
    lines = _ANY_LINE_END.sub("\n", text).rstrip("\n").split("\n")
    check_size(name, 1, len(lines), limits)
    return Table(name, "", ("text",), tuple((line,) for line in lines), tuple(range(1, len(lines) + 1)), headed=False)


def read_json(text: str, name: str, limits: Limits | None) -> Table:
    """Read one value: a list of objects or strings, as `read_jsonl` does, or an object of columns.

    An object of columns has one list a column, all of one length: `{"text": ["가", "나"]}`. One whose only value is a
    list of objects stands for that list: `{"data": [{"text": "가"}]}`.
    """
    try:
        value = _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return read_jsonl(text, name, limits)  # named .json, written line by line
    return _table(enumerate(_rows_of(value), start=1), name, limits)


def _rows_of(value: Any) -> list[Any]:
    """Return the rows of a JSON file that is one value; what is neither a list nor columns is one row."""
    if isinstance(value, list):
        return value
    lists = list(value.values()) if isinstance(value, dict) else []
    if not lists or not all(isinstance(cells, list) and len(cells) == len(lists[0]) for cells in lists):
        return [value]
    if len(lists) == 1 and all(isinstance(row, dict) for row in lists[0]):
        return list(lists[0])
    return [dict(zip(value, cells, strict=True)) for cells in zip(*lists, strict=True)]


def read_jsonl(text: str, name: str, limits: Limits | None) -> Table:
    """Read one object or string a line, or one list of them; blank lines are no rows.

    Numbers are written as in the file, null and NaN are blank, lists and objects are JSON.
    """
    return _table(_values(text, name), name, limits)


def _table(values: Iterable[tuple[int, Any]], name: str, limits: Limits | None) -> Table:
    records: list[dict[str, str]] = []
    lines: list[int] = []
    kinds: dict[str, tuple[int, str]] = {}
    for line, value in values:
        record = {"text": value} if type(value) is str else value
        if not isinstance(record, dict) or not record:
            raise TableError("file_broken_jsonl", name=name, line=line)
        check_size(name, len(record), 1, limits)
        for column, cell in record.items():
            if cell is not None and type(cell) is not str:
                kinds.setdefault(column, (line, _kind(cell)))
        try:
            records.append({column: text_of(cell) for column, cell in record.items()})
        except RecursionError as error:
            raise TableError("file_broken_jsonl", name=name, line=line) from error
        lines.append(line)
    keys = tuple(dict.fromkeys(key for record in records for key in record))
    if not keys:
        raise TableError("file_empty", name=name)
    check_size(name, len(keys), len(records), limits)
    columns = unique_names(keys)
    shown = dict(zip(keys, columns, strict=True))
    rows = tuple(tuple(record.get(key, "") for key in keys) for record in records)
    kinds = {shown[key]: kind for key, kind in kinds.items()}
    return Table(name, "", columns, rows, tuple(lines), kinds, headed=False)


def _values(text: str, name: str) -> Iterator[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        try:
            listed = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise TableError("file_broken_jsonl", name=name, line=getattr(error, "lineno", 1)) from error
        yield from enumerate(listed, start=1)
        return
    for line, raw in enumerate(LINE_END.split(text), start=1):  # a JSON string may hold U+2028 and its like
        if not raw.strip():
            continue
        try:
            yield line, _DECODER.decode(raw)
        except (ValueError, RecursionError) as error:
            raise TableError("file_broken_jsonl", name=name, line=line) from error


def _constant(name: str) -> Written | None:
    return None if name == "NaN" else Written(name)


_DECODER: Final = json.JSONDecoder(parse_int=Written, parse_float=Written, parse_constant=_constant)


def _kind(cell: object) -> str:
    if isinstance(cell, Written):
        return "int" if cell.lstrip("-").isdecimal() else "float"
    return type(cell).__name__

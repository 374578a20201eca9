"""What a visitor typed or uploaded, as clean lists of texts. Knows encodings and file kinds; no models, no page.

Nothing is dropped in silence: whatever was skipped, removed or replaced comes back as a `Notice`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from koe5_demo.errors import InputError
from koe5_demo.records import Notice
from koe5_demo.settings import Limits

BLANK_BLOCK: Final = re.compile(r"\n[^\S\n]*\n\s*")
LINE_END: Final = re.compile(r"\r\n?|\u2028|\u2029|\x85")
BYTE_ORDER_MARKS: Final = (  # UTF-32's begins like UTF-16's, so it comes first
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
SEPARATOR_LINE: Final = re.compile(r"sep=(.)[\r\n]+", re.IGNORECASE)
HANGUL_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
TEXT_COLUMNS: Final = ("text", "passage", "document", "content", "본문", "내용", "문단", "문서")
SHOWN_DUPLICATES: Final = 5
MOST_CELLS: Final = 5_000_000
csv.field_size_limit(16_000_000)


class Layout(str, Enum):
    """How passages are parted in a text box."""

    LINES = "lines"
    BLOCKS = "blocks"


@dataclass(frozen=True)
class Parsed:
    """Texts that were read, and what the visitor should know about the reading."""

    texts: tuple[str, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Table:
    """An uploaded file as columns of text.

    Attributes:
        name: Name of the file.
        encoding: How its bytes were read.
        columns: Column names in file order; one, "text", for a plain text file.
        rows: One tuple a row, as wide as `columns`.
    """

    name: str
    encoding: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def suggested_column(self) -> str:
        """Return the column that most likely holds passages: a known name, else the one with the longest texts."""
        for column in self.columns:
            if column.strip().lower() in TEXT_COLUMNS:
                return column
        lengths = [sum(len(row[i]) for row in self.rows[:200]) for i in range(len(self.columns))]
        return self.columns[lengths.index(max(lengths))]

    def texts(self, column: str | None = None) -> Parsed:
        """Return the non-blank texts of one column, the suggested one when None.

        Raises:
            InputError: If there is no such column, or it holds no text.
        """
        chosen = self.suggested_column if column is None else column
        if chosen not in self.columns:
            raise InputError("file_no_column", name=self.name, column=chosen, valid=", ".join(self.columns))
        place = self.columns.index(chosen)
        parsed = clean(row[place] for row in self.rows)
        if not parsed.texts:
            raise InputError("file_no_text", name=self.name, column=chosen)
        if len(self.columns) == 1 and chosen.lower() in TEXT_COLUMNS:
            return parsed
        return Parsed(parsed.texts, (Notice("notice_column", {"name": self.name, "column": chosen}), *parsed.notices))


def clean(raw: Iterable[str]) -> Parsed:
    """Strip texts, drop blank ones, control characters and unpaired surrogates, and say how many.

    Blank is also what shows nothing: zero-width characters and Hangul fillers alone.
    """
    texts: list[str] = []
    blank = controls = surrogates = 0
    for item in raw:
        # A form feed and its like part words, as a blank does.
        kept = "".join(char if not _is_control(char) else " " if char.isspace() else "" for char in item)
        controls += sum(map(_is_control, item))
        surrogates += sum("\ud800" <= char <= "\udfff" for char in kept)
        text = re.sub(r"[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", kept).strip()
        if any(map(_is_visible, text)):
            texts.append(text)
        else:
            blank += 1
    counted = (
        ("notice_blank_skipped", blank),
        ("notice_controls_removed", controls),
        ("notice_surrogates_replaced", surrogates),
    )
    return Parsed(tuple(texts), tuple(Notice(key, {"n": n}) for key, n in counted if n))


def clean_each(raw: Sequence[str]) -> Parsed:
    """Clean texts of which each must stay in its place.

    Raises:
        InputError: If one is blank, naming it, counted from 1.
    """
    parsed = clean(raw)
    if len(parsed.texts) < len(raw):
        raise InputError("blank_text", n=next(n for n, text in enumerate(raw, start=1) if not clean([text]).texts))
    return parsed


def parse_text(text: str, layout: Layout) -> Parsed:
    """Part a text box into texts: one a line, or blocks parted by blank lines. Nothing typed gives no text."""
    unified = LINE_END.sub("\n", text)
    if not unified.strip():
        return Parsed(())
    if layout is Layout.BLOCKS:
        return clean(BLANK_BLOCK.split(unified.strip()))
    return clean(unified.strip("\n").split("\n"))


def read_table(content: bytes, name: str, limits: Limits) -> Table:
    """Read an uploaded file.

    Args:
        content: The bytes of the file.
        name: Its name; the ending says how it is read (.txt, .csv, .tsv, .jsonl, .ndjson).
        limits: Largest size and number of columns.

    Raises:
        InputError: If it is empty, too big, of an unknown kind, in an unknown encoding, or broken.
    """
    megabytes = len(content) / 1e6
    if megabytes > limits.file_mb:
        raise InputError("file_too_big", name=name, mb=megabytes, limit=limits.file_mb)
    ending = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if ending not in READERS:
        raise InputError("file_kind", name=name, valid=", ".join(f".{kind}" for kind in READERS))
    text, encoding = decode(content, name)
    if not text.strip():
        raise InputError("file_empty", name=name)
    columns, rows = READERS[ending](text, name, limits.columns)
    return Table(name, encoding, columns, rows)


def decode(content: bytes, name: str) -> tuple[str, str]:
    """Return (text, encoding): a byte order mark decides, else UTF-8, else CP949 as Korean spreadsheets write it.

    Raises:
        InputError: If neither fits.
    """
    marked = next((encoding for mark, encoding in BYTE_ORDER_MARKS if content.startswith(mark)), None)
    for encoding in ("utf-8", "cp949") if marked is None else (marked,):
        text = _decoded(content, encoding)
        if text is not None:
            return text, encoding
    raise InputError("file_encoding", name=name)


def check(queries: Parsed, passages: Parsed, limits: Limits) -> list[Notice]:
    """Check what is to be ranked against the limits, and collect what the visitor should know.

    Raises:
        InputError: If there is no query or no passage, or a limit is passed.
    """
    if not queries.texts:
        raise InputError("no_query")
    if not passages.texts:
        raise InputError("no_passage")
    if len(queries.texts) > limits.queries:
        raise InputError("too_many_queries", n=len(queries.texts), limit=limits.queries)
    if len(passages.texts) > limits.passages:
        raise InputError("too_many_passages", n=len(passages.texts), limit=limits.passages)
    check_lengths(passages.texts, limits, key="passage_too_long", also=queries.texts)
    check_lengths(queries.texts, limits, key="query_too_long")
    notices = [*queries.notices, *passages.notices]
    if len(passages.texts) == 1:
        notices.append(Notice("notice_one_passage"))
    pairs = _duplicates(passages.texts)
    if pairs:
        notices.append(Notice("notice_duplicates", {"pairs": pairs}))
    return notices


def check_texts(texts: Parsed, limits: Limits) -> None:
    """Check texts that are neither queries nor passages against the limits.

    Raises:
        InputError: If there is none, or a limit is passed.
    """
    if not texts.texts:
        raise InputError("no_text")
    if len(texts.texts) > limits.passages:
        raise InputError("too_many_texts", n=len(texts.texts), limit=limits.passages)
    check_lengths(texts.texts, limits)


def check_lengths(
    texts: Sequence[str], limits: Limits, *, key: str = "text_too_long", also: Sequence[str] = ()
) -> None:
    """Refuse texts that are too long, alone or together.

    Args:
        texts: To look at.
        limits: Of one text and of all.
        key: Name of the message for one text.
        also: Other texts that count for the sum.

    Raises:
        InputError: Naming the text, counted from 1, its length and the limit.
    """
    for n, text in enumerate(texts, start=1):
        if len(text) > limits.chars_per_text:
            raise InputError(key, n=n, chars=len(text), limit=limits.chars_per_text)
    in_all = sum(map(len, (*texts, *also)))
    if in_all > limits.chars_in_all:
        raise InputError("too_much_text", chars=in_all, limit=limits.chars_in_all)


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc" and char not in "\t\n\r"


def _is_visible(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) != "Cf" and char not in HANGUL_FILLERS


def _duplicates(texts: Sequence[str]) -> str:
    places: dict[str, list[int]] = defaultdict(list)
    for n, text in enumerate(texts, start=1):
        places[text].append(n)
    groups = ["=".join(map(str, group)) for group in places.values() if len(group) > 1]
    more = f", … (+{len(groups) - SHOWN_DUPLICATES})" if len(groups) > SHOWN_DUPLICATES else ""
    return ", ".join(groups[:SHOWN_DUPLICATES]) + more


Rows = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def _check_size(name: str, n_columns: int, n_rows: int, most_columns: int) -> None:
    """Refuse a table before it is filled up to its full width: a few bytes a row may stand for a thousand cells."""
    if n_columns > most_columns:
        raise InputError("file_too_many_columns", name=name, n=n_columns, limit=most_columns)
    if n_columns * n_rows > MOST_CELLS:
        raise InputError("file_too_many_cells", name=name, n=n_columns * n_rows, limit=MOST_CELLS)


def _read_text(text: str, name: str, most_columns: int) -> Rows:
    lines = LINE_END.sub("\n", text).strip("\n").split("\n")
    _check_size(name, 1, len(lines), most_columns)
    return ("text",), tuple((line,) for line in lines)


def _read_separated(text: str, name: str, separator: str, most_columns: int) -> Rows:
    # Before Python 3.11 csv refuses NUL; any other control character is taken out and counted later, as NUL is.
    plain = io.StringIO(text.replace("\x00", "\x01"), newline="")
    reader = csv.reader(plain, delimiter=separator, strict=True, skipinitialspace=True)
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in reader if any(cell.strip() for cell in row))
    except csv.Error as error:
        raise InputError("file_broken_csv", name=name, line=reader.line_num, reason=str(error)) from error
    if not rows:
        raise InputError("file_empty", name=name)
    _check_size(name, len(rows[0]), len(rows), most_columns)
    header = _unique(rows[0])
    for line, row in enumerate(rows[1:], start=2):
        if len(row) > len(header):
            reason = f"{len(row)} > {len(header)} columns"
            raise InputError("file_broken_csv", name=name, line=line, reason=reason)
    width = len(header)
    return header, tuple(tuple(row + [""] * (width - len(row))) for row in rows[1:])


def _read_csv(text: str, name: str, most_columns: int) -> Rows:
    stated = SEPARATOR_LINE.match(text)  # as spreadsheets write it
    if stated is not None:
        return _read_separated(text[stated.end() :], name, stated[1], most_columns)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    return _read_separated(text, name, separator, most_columns)


def _read_tsv(text: str, name: str, most_columns: int) -> Rows:
    return _read_separated(text, name, "\t", most_columns)


def _read_jsonl(text: str, name: str, most_columns: int) -> Rows:
    records: list[dict[str, Any]] = []
    # Not splitlines: a JSON string may hold U+2028 and its like.
    for line, raw in enumerate(re.split(r"\r\n?|\n", text), start=1):
        if not raw.strip():
            continue
        try:
            record = json.loads(raw)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError("file_broken_jsonl", name=name, line=line) from error
        if isinstance(record, str):
            record = {"text": record}
        if not isinstance(record, dict) or not record:
            raise InputError("file_broken_jsonl", name=name, line=line)
        records.append(record)
    columns = tuple(dict.fromkeys(key for record in records for key in record))
    _check_size(name, len(columns), len(records), most_columns)
    return columns, tuple(tuple(_as_text(record.get(column)) for column in columns) for record in records)


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unique(header: Sequence[str]) -> tuple[str, ...]:
    """Name nameless columns by their place and number repeated names, so that each can be chosen."""
    names: dict[str, None] = {}
    for place, raw in enumerate(header, start=1):
        name = raw.strip() or f"column {place}"
        while name in names:
            name += f" ({place})"
        names[name] = None
    return tuple(names)


READERS: Final[dict[str, Callable[[str, str, int], Rows]]] = {
    "txt": _read_text,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "jsonl": _read_jsonl,
    "ndjson": _read_jsonl,
}

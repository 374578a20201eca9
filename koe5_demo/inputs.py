"""What a visitor typed or uploaded, as clean lists of texts, and the limits on it. No models, no page.

Nothing is dropped in silence: whatever was skipped, removed or replaced comes back as a `Notice`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from enum import Enum
from typing import Final

from koe5_demo.errors import InputError
from koe5_demo.records import Notice
from koe5_demo.settings import Limits
from koe5_demo.tables import UPLOADED, Parsed, Table, clean, is_blank, read_file, read_table

__all__ = [
    "BLANK_BLOCK",
    "UPLOADED",
    "Layout",
    "Parsed",
    "Table",
    "check",
    "check_lengths",
    "check_texts",
    "clean",
    "clean_each",
    "is_blank",
    "parse_text",
    "read_file",
    "read_table",
]

BLANK_BLOCK: Final = re.compile(r"\n[^\S\n]*\n\s*")
LINE_END: Final = re.compile(r"\r\n?|\u2028|\u2029|\x85")
SHOWN_DUPLICATES: Final = 5


class Layout(str, Enum):
    """How passages are parted in a text box."""

    LINES = "lines"
    BLOCKS = "blocks"


def clean_each(raw: Sequence[str], blank_key: str = "blank_text") -> Parsed:
    """Clean texts of which each must stay in its place; none at all where all are blank.

    Args:
        raw: Texts as they were given.
        blank_key: Name of the message for a blank text among others.

    Raises:
        InputError: If one is blank and others are not, naming it, counted from 1.
    """
    parsed = clean(raw)
    if parsed.texts and parsed.places is not None:
        filled = set(parsed.places)
        raise InputError(blank_key, n=next(place for place in range(len(raw)) if place not in filled) + 1)
    return parsed


def parse_text(text: str, layout: Layout) -> Parsed:
    """Part a text box into texts: one a line, or blocks parted by blank lines. Nothing typed gives no text."""
    unified = LINE_END.sub("\n", text)
    if not unified.strip():
        return Parsed(())
    parts = BLANK_BLOCK.split(unified.strip()) if layout is Layout.BLOCKS else unified.strip("\n").split("\n")
    parsed = clean(parts)
    return Parsed(parsed.texts, parsed.notices)


def check(queries: Parsed, passages: Parsed, limits: Limits) -> list[Notice]:
    """Check what is to be ranked against the limits, and collect what the visitor should know.

    Raises:
        InputError: If there is no query or no passage, or a limit is passed.
    """
    if not queries.texts:
        raise InputError("no_query")
    if not passages.texts:
        raise InputError("no_passage")
    check_limits(queries, passages, limits)
    notices = [*queries.notices, *passages.notices]
    if len(passages.texts) == 1:
        notices.append(Notice("notice_one_passage"))
    pairs = _duplicates(passages)
    if pairs:
        notices.append(Notice("notice_duplicates", {"pairs": pairs}))
    return notices


def check_limits(queries: Parsed, passages: Parsed, limits: Limits) -> None:
    """Refuse more than can be ranked at once.

    Raises:
        InputError: Naming the limit that is passed.
    """
    if len(queries.texts) > limits.queries:
        raise InputError("too_many_queries", n=len(queries.texts), limit=limits.queries)
    if len(passages.texts) > limits.passages:
        raise InputError("too_many_passages", n=len(passages.texts), limit=limits.passages)
    check_lengths(passages, limits, key="passage_too_long", also=queries.texts)
    check_lengths(queries, limits, key="query_too_long")


def check_texts(texts: Parsed, limits: Limits) -> None:
    """Check texts that are neither queries nor passages against the limits.

    Raises:
        InputError: If there is none, or a limit is passed.
    """
    if not texts.texts:
        raise InputError("no_text")
    if len(texts.texts) > limits.passages:
        raise InputError("too_many_texts", n=len(texts.texts), limit=limits.passages)
    check_lengths(texts, limits)


def check_lengths(texts: Parsed, limits: Limits, *, key: str = "text_too_long", also: Sequence[str] = ()) -> None:
    """Refuse texts that are too long, alone or together.

    Args:
        texts: To look at.
        limits: Of one text and of all.
        key: Name of the message for one text.
        also: Other texts that count for the sum.

    Raises:
        InputError: Naming the text, counted from 1 among all that were given, its length and the limit.
    """
    for index, text in enumerate(texts.texts):
        if len(text) > limits.chars_per_text:
            raise InputError(key, n=texts.place(index) + 1, chars=len(text), limit=limits.chars_per_text)
    in_all = sum(map(len, (*texts.texts, *also)))
    if in_all > limits.chars_in_all:
        raise InputError("too_much_text", chars=in_all, limit=limits.chars_in_all)


def _duplicates(texts: Parsed) -> str:
    places: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts.texts):
        places[text].append(texts.place(index) + 1)
    groups = ["=".join(map(str, group)) for group in places.values() if len(group) > 1]
    more = f", … (+{len(groups) - SHOWN_DUPLICATES})" if len(groups) > SHOWN_DUPLICATES else ""
    return ", ".join(groups[:SHOWN_DUPLICATES]) + more

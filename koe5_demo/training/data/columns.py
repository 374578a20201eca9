"""Where the parts of a triplet are in a table, and the table as text under the recipe's own names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from koe5_demo.errors import DataError
from koe5_demo.tables import folded
from koe5_demo.tables.record import find_name
from koe5_demo.training.recipe import NEGATIVE, POSITIVE, QUERY

QUERY_NAMES: Final = (QUERY,)
POSITIVE_NAMES: Final = (POSITIVE, "passage", "positive")
NEGATIVE_NAMES: Final = (NEGATIVE, "negative")
ALSO_NAMED: Final = {
    QUERY_NAMES: ("anchor", "질문", "질의"),
    POSITIVE_NAMES: ("문단", "정답 문단", "문서"),
    NEGATIVE_NAMES: ("오답", "오답 문단"),
}
"""What the parts are called elsewhere: by sentence-transformers' data sets, in Korean spreadsheets."""
_NUMBERED: Final = re.compile(rf"({'|'.join(NEGATIVE_NAMES)})s?[ _-]?(\d*)")
"""Negatives of a file with several a row: negative_1, negative_2, ..."""


@dataclass(frozen=True)
class Columns:
    """Where a triplet's parts are; `negative` is None in a set of pairs."""

    query: str
    positive: str
    negative: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns to read, in the order that the loss wants."""
        return tuple(name for name in (self.query, self.positive, self.negative) if name is not None)


def find_columns(source: str, names: Sequence[str]) -> Columns:
    """Find the parts of a triplet among column names, by the lists at the head of this module.

    Raises:
        DataError: If there is no query or no positive; the message lists what there is.
    """
    found = [_first(accepted, names) for accepted in (QUERY_NAMES, POSITIVE_NAMES)]
    for name, accepted in zip(found, (QUERY_NAMES, POSITIVE_NAMES), strict=True):
        if name is None:
            raise DataError("train_no_column", name=source, column=" | ".join(accepted), valid=listed(names))
    negative = _first(NEGATIVE_NAMES, names) or next(iter(_negatives(names)), None)
    return Columns(str(found[0]), str(found[1]), negative)


def further_negatives(columns: Columns, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of negatives beside the one that is trained on; none where there is not even one."""
    if columns.negative is None:
        return ()
    return tuple(name for name in _negatives(names) if name not in columns.names)


def require_columns(source: str, columns: Columns, names: Sequence[str]) -> Columns:
    """Return the columns as a source writes their names.

    Raises:
        DataError: If it lacks one; the message lists what there is.
    """
    found: list[str] = []
    for name in columns.names:
        place = find_name(name, names)
        if place is None:
            raise DataError("train_no_column", name=source, column=name, valid=listed(names))
        found.append(names[place])
    return Columns(found[0], found[1], found[2] if columns.negative is not None else None)


def _first(accepted: Sequence[str], names: Sequence[str]) -> str | None:
    places = (find_name(name, names) for name in (*accepted, *ALSO_NAMED[tuple(accepted)]))
    return next((names[place] for place in places if place is not None), None)


def _negatives(names: Sequence[str]) -> list[str]:
    """Return the columns of negatives in order of their numbers."""
    numbered = [(match, name) for name in names if (match := _NUMBERED.fullmatch(folded(name)))]
    return [name for match, name in sorted(numbered, key=lambda pair: (len(pair[0][2]), pair[0][2]))]


def as_text(source: str, table: pa.Table, columns: Columns) -> pa.Table:
    """Return the table under the names of the recipe, every column as text.

    Raises:
        DataError: If a column holds something else.
    """
    arrays = []
    for name in columns.names:
        kind = table.schema.field(name).type
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_null(value) or is_text(value)):
            raise DataError("train_not_text", name=source, column=name, kind=str(kind))
        arrays.append(table[name].cast(pa.large_string()))
    return pa.table(dict(zip((QUERY, POSITIVE, NEGATIVE), arrays, strict=False)))


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type is one of Arrow's kinds of string."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def listed(names: Sequence[str]) -> str:
    """Return column names as messages show them."""
    return ", ".join(names) or "-"

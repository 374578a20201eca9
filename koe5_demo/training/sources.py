"""From what was named to a table of triplets: a file, a folder of files or a data set of the hub, and its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from koe5_demo.errors import DataError
from koe5_demo.tables import Table, file_kind, folded, read_file
from koe5_demo.tables.record import find_name
from koe5_demo.tables.typed import is_text, parquet_names, read_parquet
from koe5_demo.training.recipe import NEGATIVE, POSITIVE, QUERY

FILE_KINDS: Final = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".xlsx")
"""Endings of data files, also before `.gz`."""
NAMES: Final = {
    QUERY: (QUERY,),
    POSITIVE: (POSITIVE, "passage", "positive"),
    NEGATIVE: (NEGATIVE, "negative"),
}
"""What the parts of a triplet may be called, as messages list it."""
ALSO_NAMED: Final = {
    QUERY: ("anchor", "질문", "질의"),
    POSITIVE: ("문단", "정답 문단", "문서"),
    NEGATIVE: ("오답", "오답 문단"),
}
"""What they are called elsewhere: by sentence-transformers' data sets, in Korean spreadsheets."""
_NUMBERED: Final = re.compile(rf"({'|'.join(NAMES[NEGATIVE])})s?[ _-]?(\d*)")
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


@dataclass(frozen=True)
class Opened:
    """A source whose column names are known and whose columns can be read."""

    names: tuple[str, ...]
    read: Callable[[Sequence[str]], pa.Table]
    files: tuple[str, ...] = ()
    revision: str | None = None


def open_source(source: str) -> Opened:
    """Find a file, a folder or a data set of the hub and learn its column names.

    Of a folder the data files are read in order of their names; only train* where there are such.

    Raises:
        DataError: If there is no such source, or it is of no kind that can be read, or broken.
    """
    path = Path(source).expanduser()
    if is_hub_id(source):
        return _open_hub(source)
    files = [path] if path.exists() else []
    if path.is_dir():
        # A .json in a folder is about the data: dataset_info.json and the like.
        inside = sorted(file for file in path.rglob("*") if file.is_file() and file_kind(file.name) != "json")
        found = [file for file in inside if _is_data(file)]
        files = [file for file in found if file.name.startswith("train")] or found
    if not files or not all(map(_is_data, files)):
        raise DataError("train_no_data", name=source, valid=", ".join(FILE_KINDS))
    # A parquet file tells its names without being read: the columns that are not asked for never are.
    whole = {file: read_file(file) for file in files if file.suffix.lower() != ".parquet"}
    names = [whole[file].columns if file in whole else parquet_names(file) for file in files]
    shared = tuple(name for name in names[0] if all(find_name(name, others) is not None for others in names))

    def read(columns: Sequence[str]) -> pa.Table:
        tables = (whole[file] if file in whole else read_parquet(file, file.name, None, columns) for file in files)
        return pa.concat_tables([_as_arrow(table, columns) for table in tables])

    return Opened(shared, read, tuple(file.name for file in files))


def is_hub_id(source: str) -> bool:
    """Return whether a source names a data set of the hub: owner/name, and nothing of that path on this machine."""
    path = Path(source).expanduser()
    owner, _, name = source.partition("/")
    like_an_id = bool(owner and name) and "/" not in name and not source.startswith((".", "~"))
    return like_an_id and not _is_data(path) and not path.exists()


def find_columns(source: str, names: Sequence[str]) -> Columns:
    """Find the parts of a triplet among column names, by the lists at the head of this module.

    Raises:
        DataError: If there is no query or no positive; the message lists what there is.
    """
    found: dict[str, str] = {}
    for part, accepted in NAMES.items():
        places = (find_name(name, names) for name in (*accepted, *ALSO_NAMED[part]))
        place = next((place for place in places if place is not None), None)
        if place is not None:
            found[part] = names[place]
        elif part != NEGATIVE:
            raise DataError("train_no_column", name=source, column=" | ".join(accepted), valid=listed(names))
    return Columns(found[QUERY], found[POSITIVE], found.get(NEGATIVE) or next(iter(_negatives(names)), None))


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


def further_negatives(columns: Columns, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of negatives beside the one that is trained on; none where there is not even one."""
    if columns.negative is None:
        return ()
    return tuple(name for name in _negatives(names) if name not in columns.names)


def as_text(source: str, table: pa.Table, columns: Columns) -> pa.Table:
    """Return the table under the names of the recipe, every column as text.

    Raises:
        DataError: If a column holds something else.
    """
    arrays = []
    for name in columns.names:
        kind = table.schema.field(name).type
        if not is_text(kind):
            raise DataError("train_not_text", name=source, column=name, kind=str(kind))
        arrays.append(table[name].cast(pa.large_string()))
    return pa.table(dict(zip(NAMES, arrays, strict=False)))


def listed(names: Sequence[str]) -> str:
    """Return column names as messages show them."""
    return ", ".join(names) or "-"


def _is_data(path: Path) -> bool:
    return f".{file_kind(path.name)}" in FILE_KINDS


def _negatives(names: Sequence[str]) -> list[str]:
    """Return the columns of negatives in order of their numbers."""
    numbered = [(match, name) for name in names if (match := _NUMBERED.fullmatch(folded(name)))]
    return [name for match, name in sorted(numbered, key=lambda pair: (len(pair[0][2]), pair[0][2]))]


def _as_arrow(table: Table, columns: Sequence[str]) -> pa.Table:
    """Return columns of a file as text.

    Raises:
        DataError: If one holds something else where the file tells text from numbers and lists.
    """
    arrays: dict[str, pa.Array] = {}
    for column in columns:
        place = find_name(column, table.columns)
        if place is None:
            raise DataError("train_no_column", name=table.name, column=column, valid=listed(table.columns))
        line, kind = table.kinds.get(table.columns[place], (0, ""))
        if kind:
            name = f"{table.name}:{line}" if line else table.name
            raise DataError("train_not_text", name=name, column=column, kind=kind)
        # Unpaired surrogates are legal in JSON and not in Arrow.
        texts = (row[place].encode("utf-16", "surrogatepass").decode("utf-16", "replace") for row in table.rows)
        arrays[column] = pa.array(texts, pa.large_string(), size=len(table.rows))
    return pa.table(arrays)


def _open_hub(hub_id: str) -> Opened:
    import datasets
    from huggingface_hub import HfApi

    # `datasets` and the hub's client raise OSError and ValueError of many kinds, and of the HTTP client's own.
    try:
        revision = HfApi().dataset_info(hub_id, timeout=10).sha
    except Exception:  # noqa: BLE001 - a copy in the cache is as good; what is missing is reported by the load below
        revision = None
    try:
        loaded = datasets.load_dataset(hub_id, split="train", revision=revision)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise DataError("train_hub_data", name=hub_id, reason=reason) from error
    table = loaded.with_format("arrow")
    return Opened(tuple(loaded.column_names), lambda columns: table.select_columns(list(columns))[:], (), revision)

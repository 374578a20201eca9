"""From what was named to a source that can be read: a file, a folder of files, or a data set of the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from koe5_demo.errors import DataError
from koe5_demo.tables import Table, file_kind, read_file
from koe5_demo.tables.record import find_name
from koe5_demo.tables.typed import parquet_names

FILE_KINDS: Final = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".xlsx")
"""Endings of data files, also before `.gz`."""


@dataclass(frozen=True)
class Opened:
    """A source whose column names are known and whose columns can be read."""

    names: tuple[str, ...]
    read: Callable[[Sequence[str]], pa.Table]
    files: tuple[str, ...] = ()
    revision: str | None = None


def open_source(source: str) -> Opened:
    """Find a file, a folder or a data set of the hub and learn its column names.

    Raises:
        DataError: If there is no such source, or it is of no kind that can be read, or broken.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return _open_files(source, _files_in(path))
    if path.exists():
        return _open_files(source, [path])
    if is_hub_id(source):
        return _open_hub(source)
    raise DataError("train_no_data", name=source, valid=", ".join(FILE_KINDS))


def is_hub_id(source: str) -> bool:
    """Return whether a source names a data set of the hub: owner/name, and nothing of that path on this machine."""
    path = Path(source).expanduser()
    owner, _, name = source.partition("/")
    like_an_id = bool(owner and name) and "/" not in name and not source.startswith((".", "~"))
    return like_an_id and not _is_data(path) and not path.exists()


def _files_in(folder: Path) -> list[Path]:
    """Return the data files of a folder in order of their names; only train* where there are such."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _is_data(path) and not _describes(path))
    return [path for path in files if path.name.startswith("train")] or files


def _is_data(path: Path) -> bool:
    return f".{file_kind(path.name)}" in FILE_KINDS


def _describes(path: Path) -> bool:
    """Return whether a file of a folder is about the data: dataset_info.json and the like."""
    return file_kind(path.name) == "json"


def _open_files(source: str, files: Sequence[Path]) -> Opened:
    if not files or not all(map(_is_data, files)):
        raise DataError("train_no_data", name=source, valid=", ".join(FILE_KINDS))
    # A parquet file tells its names without being read: the columns that are not asked for never are.
    whole = {path: read_file(path) for path in files if path.suffix.lower() != ".parquet"}
    names = [whole[path].columns if path in whole else parquet_names(path) for path in files]
    shared = tuple(name for name in names[0] if all(find_name(name, others) is not None for others in names))

    def read(columns: Sequence[str]) -> pa.Table:
        tables = (whole[path] if path in whole else read_file(path, columns=columns) for path in files)
        return pa.concat_tables([_as_arrow(table, columns) for table in tables])

    return Opened(shared, read, tuple(path.name for path in files))


def _as_arrow(table: Table, columns: Sequence[str]) -> pa.Table:
    """Return columns of a file as text.

    Raises:
        DataError: If one holds something else where the file tells text from numbers and lists.
    """
    arrays: dict[str, pa.Array] = {}
    for column in columns:
        place = find_name(column, table.columns)
        if place is None:
            raise DataError("train_no_column", name=table.name, column=column, valid=", ".join(table.columns))
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

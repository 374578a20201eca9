"""From what was named to a source that can be read: a file, a folder of files, or a data set of the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from koe5_demo.errors import DataError
from koe5_demo.training.data.columns import is_text
from koe5_demo.training.data.files import FILE_KINDS, column_names, read_columns


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
    return like_an_id and path.suffix.lower() not in FILE_KINDS and not path.exists()


def _files_in(folder: Path) -> list[Path]:
    """Return the data files of a folder in order of their names; only train* where there are such."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in FILE_KINDS)
    return [path for path in files if path.name.startswith("train")] or files


def _open_files(source: str, files: Sequence[Path]) -> Opened:
    if not files or any(path.suffix.lower() not in FILE_KINDS for path in files):
        raise DataError("train_no_data", name=source, valid=", ".join(FILE_KINDS))
    names = [_guarded(path, column_names) for path in files]
    shared = tuple(name for name in names[0] if all(name in others for others in names))

    def read(columns: Sequence[str]) -> pa.Table:
        tables = [_guarded(path, lambda path: read_columns(path, columns)) for path in files]
        return pa.concat_tables([_loosened(table) for table in tables])

    return Opened(shared, read, tuple(path.name for path in files))


def _loosened(table: pa.Table) -> pa.Table:
    """Return the table with text columns of one type: files of a folder may differ in string or large_string."""
    fields = [field.with_type(pa.large_string()) if is_text(field.type) else field for field in table.schema]
    return table.cast(pa.schema([field.with_nullable(nullable=True) for field in fields])).replace_schema_metadata()


def _guarded(path: Path, work: Callable[[Path], Any]) -> Any:
    """Run a reader and turn what a broken file makes it raise into one message."""
    try:
        return work(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeDecodeError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise DataError("file_missing", name=path.name, reason=reason) from error


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

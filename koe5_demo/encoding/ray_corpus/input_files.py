"""The parquet files that come in: their columns, and the parts that they are cut into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from koe5_demo.encoding.ray_corpus.records import REQUIREMENTS, CorpusJob, Part
from koe5_demo.errors import DataError, InputError, MissingExtraError

ID_COLUMNS: Final = ("id", "_id", "doc_id", "docid", "document_id", "아이디", "문서 번호")
SAMPLED_ROWS: Final = 200


def sample(source: Path) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return (names of text columns, first rows as texts) of the first file with rows, to choose a column by.

    Raises:
        InputError: If there is no parquet file with rows, or the first one has no column of text.
        DataError: If the file is broken.
    """
    for path in _files(source):
        with opened_parquet(path) as file:
            if not file.metadata.num_rows:
                continue
            columns = _text_columns(file.schema_arrow)
            if not columns:
                raise InputError("corpus_no_column", name=path.name, column="text", valid="-")
            first = next(file.iter_batches(batch_size=SAMPLED_ROWS, columns=list(columns)))
            rows = (tuple(row[column] or "" for column in columns) for row in first.to_pylist())
            return columns, tuple(rows)
    raise InputError("corpus_no_parquet", name=str(source))


def cut_parts(job: CorpusJob) -> list[Part]:
    """Cut the input into parts by file, row group and row; the same input gives the same parts.

    Raises:
        InputError: If there is nothing to encode, a file lacks a column, or rows_per_part < 1.
        DataError: If a file is broken.
    """
    if job.rows_per_part < 1:
        raise InputError("corpus_bad_number", name="rows_per_part", value=job.rows_per_part)
    parts: list[Part] = []
    for path in _files(job.source):
        with opened_parquet(path) as file:
            _require_columns(path, file.schema_arrow, job)
            sizes = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
        parts.extend(_cut_file(path.relative_to(job.source).as_posix(), sizes, job.rows_per_part))
    if not parts:
        raise InputError("corpus_no_parquet", name=str(job.source))
    return parts


def _cut_file(name: str, sizes: Iterable[int], rows_per_part: int) -> Iterator[Part]:
    before = 0
    for group, size in enumerate(sizes):
        for skip in range(0, size, rows_per_part):
            yield Part(name, group, skip, before + skip, min(rows_per_part, size - skip))
        before += size


def usual_id_column(source: Path) -> str | None:
    """Return the first usual name of an id column that every file has, or None."""
    shared: set[str] | None = None
    for path in _files(source):
        with opened_parquet(path) as file:
            names = set(file.schema_arrow.names)
        shared = names if shared is None else shared & names
    return next((name for name in ID_COLUMNS if name in (shared or set())), None)


def opened_parquet(path: Path) -> Any:
    """Return an open parquet file, to be used in a `with`.

    Raises:
        MissingExtraError: If pyarrow is not installed.
        DataError: If the file is broken.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="pyarrow", requirements=REQUIREMENTS) from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or ["?"])[0][:200]
        raise DataError("corpus_broken_file", name=path.name, reason=reason) from error


def _files(source: Path) -> list[Path]:
    found = sorted(path for path in source.rglob("*.parquet") if path.is_file())
    if not found:
        raise InputError("corpus_no_parquet", name=str(source))
    return found


def _text_columns(schema: Any) -> tuple[str, ...]:
    import pyarrow as pa

    return tuple(
        field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    )


def _require_columns(path: Path, schema: Any, job: CorpusJob) -> None:
    texts = _text_columns(schema)
    if job.column not in texts:
        raise InputError("corpus_no_column", name=path.name, column=job.column, valid=", ".join(texts) or "-")
    if job.id_column is not None and job.id_column not in schema.names:
        valid = ", ".join(schema.names)
        raise InputError("file_no_column", name=path.name, column=job.id_column, valid=valid)

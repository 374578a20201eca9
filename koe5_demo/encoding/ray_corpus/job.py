"""What a job is, the parquet files that come in and the parts that they are cut into, receipts, and what a job gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from koe5_demo.errors import DataError, InputError, MissingExtraError
from koe5_demo.records import Role

ROWS_PER_PART: Final = 8_192
ID_COLUMNS: Final = ("id", "_id", "doc_id", "docid", "document_id", "아이디", "문서 번호")
SAMPLED_ROWS: Final = 200


@dataclass(frozen=True)
class Part:
    """Neighbouring rows of one input file.

    Attributes:
        file: Name of the file inside the input folder, with "/" between folders.
        row_group: The parquet row group they lie in.
        skip: Rows of that group before the first one.
        first_row: The first row, counted from 0 in the file.
        n_rows: How many.
    """

    file: str
    row_group: int
    skip: int
    first_row: int
    n_rows: int

    @property
    def name(self) -> str:
        """Return the name of its output without the ending: no two parts of an input share one."""
        return f"{self.file.removesuffix('.parquet').replace('%', '%25').replace('/', '%2F')}-{self.first_row:012d}"


@dataclass(frozen=True)
class CorpusJob:
    """What is to be encoded and where it goes.

    Attributes:
        source: Folder with parquet files, read with its sub-folders.
        target: Folder of the output; made if it is not there.
        column: Column that holds the texts.
        role: Which prompt is added.
        id_column: Column that names the rows; None takes a usual name if every file has one, else file and row number.
        rows_per_part: Most rows that are lost when a worker dies.
    """

    source: Path
    target: Path
    column: str
    role: Role
    id_column: str | None = None
    rows_per_part: int = ROWS_PER_PART


@dataclass(frozen=True)
class Workers:
    """What Ray is asked for.

    Attributes:
        count: How many workers, each with a model of its own; None means one for every CPU or, with GPUs, every GPU.
        cpus, gpus: What one worker takes.
        address: A running Ray cluster; None means RAY_ADDRESS if that is set, else this machine.
    """

    count: int | None = None
    cpus: float = 1
    gpus: float = 0
    address: str | None = None


@dataclass(frozen=True)
class Receipt:
    """What is known of a finished part.

    Attributes:
        part: Which rows.
        source_bytes: Size of the input file.
        column, id_column, role: How it was read.
        fingerprint: Of the model.
        dimensions: Width of a vector.
        n_blank: Rows without text.
        n_truncated: Texts whose end was lost.
        checksum: BLAKE2b of the output file, 40 digits.
        model: The model, for people.
    """

    part: Part
    source_bytes: int
    column: str
    id_column: str | None
    role: str
    fingerprint: str
    dimensions: int
    n_blank: int
    n_truncated: int
    checksum: str
    model: str

    def differences(self, other: Receipt) -> str:
        """Return what makes two receipts of the same rows belong to different jobs; empty if nothing does."""
        names = ("source_bytes", "column", "id_column", "role", "fingerprint")
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in names]
        return ", ".join(f"{name}: {mine!r} / {theirs!r}" for name, mine, theirs in pairs if mine != theirs)


def receipt_from(values: dict[str, Any]) -> Receipt:
    """Return a receipt from the values of its JSON.

    Raises:
        TypeError: If a value is missing, or there is one too many.
        KeyError: If there is no part.
    """
    return Receipt(**{**values, "part": Part(**values["part"])})


@dataclass(frozen=True)
class CorpusReport:
    """What a finished job gave.

    Attributes:
        n_parts: Parts of the input.
        n_skipped: Parts that an earlier run had finished.
        n_rows: Rows of the output.
        n_blank: Rows without text: their vector is null.
        n_truncated: Texts whose end was lost.
        dimensions: Width of a vector.
        model: The model, for people.
    """

    n_parts: int
    n_skipped: int
    n_rows: int
    n_blank: int
    n_truncated: int
    dimensions: int
    model: str


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
        raise MissingExtraError("missing_extra", package="pyarrow", extra="ray") from error
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

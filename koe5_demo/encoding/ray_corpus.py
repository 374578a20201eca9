"""Vectors of a very large corpus through Ray Data: parquet in, parquet out, resumable.

The input is cut into parts by file and row, the same each time; workers encode one part at a time and write it whole or
not at all, then a receipt with its row count and checksum. A part with a valid receipt is never computed again, so a
worker or the whole run may be killed at any moment: nothing is lost and nothing is there twice.

Every worker must see the input and output folders under the same paths. Knows no model: it is given a function that
opens one.

Output, for each part of the input `NAME.parquet` that begins at row R:
    NAME-R.parquet   id (the input's column or `NAME.parquet#row`), vector (dimensions x float32; null where the text is
                     blank), n_tokens (int64; 0 where blank)
    NAME-R.json      the receipt
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from koe5_demo.errors import DataError, DemoError, InputError, MissingExtraError
from koe5_demo.records import Encoded, Encoder, OnProgress, Role
from koe5_demo.whole_files import TEMPORARY, whole_file

ROWS_PER_PART: Final = 8_192
ID_COLUMNS: Final = ("id", "_id", "doc_id", "docid", "document_id", "아이디", "문서 번호")
SAMPLED_ROWS: Final = 200
HASHED_BYTES: Final = 1 << 20

OpenEncoder = Callable[[], Encoder]


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

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Receipt:
        """Read a receipt.

        Raises:
            ValueError, TypeError, KeyError: If it is no JSON, or a value is missing or one too many.
        """
        values = json.loads(text)
        return cls(**{**values, "part": Part(**values["part"])})


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


def encode_corpus(
    job: CorpusJob,
    open_encoder: OpenEncoder,
    *,
    n_workers: int | None = None,
    gpus: float = 0,
    on_progress: OnProgress | None = None,
) -> CorpusReport:
    """Encode a corpus with Ray's workers; run again, it goes on where it stopped.

    A worker that dies is replaced and its part computed again; parts that are finished are only checked. Ray runs on
    the cluster of RAY_ADDRESS if that is set, else on this machine.

    Args:
        job: What and where.
        open_encoder: Opens the model; called once in each worker, so it must be picklable.
        n_workers: How many, each with a model of its own; None means one for every CPU or, with GPUs, every GPU.
        gpus: What one worker takes of them, beside a CPU.
        on_progress: Called with (rows done, rows in all).

    Raises:
        MissingExtraError: If Ray is not installed.
        InputError: If the input cannot be encoded.
        DataError: If a file is broken, the output belongs to another job or cannot be written, or workers fail.
    """
    if n_workers is not None and n_workers < 1:
        raise InputError("corpus_bad_number", name="workers", value=n_workers)
    ray = _ray()
    job = replace(job, source=job.source.resolve(), target=job.target.resolve())
    job = replace(job, id_column=job.id_column or usual_id_column(job.source))
    parts = cut_parts(job)
    job.target.mkdir(parents=True, exist_ok=True)
    if n_workers is None:
        have = ray.cluster_resources()
        n_workers = max(1, int(have.get("GPU", 0) / gpus if gpus else have.get("CPU", 1)))
    n_all, n_done, n_skipped = sum(part.n_rows for part in parts), 0, 0
    receipts: dict[str, Receipt] = {}
    for row in _answers(ray, job, parts, open_encoder, min(n_workers, len(parts)), gpus):
        if row["error"]:
            told = json.loads(row["error"])
            raise DataError(told["key"], **told["values"])
        receipt = Receipt.from_json(row["receipt"])
        receipts[receipt.part.name] = receipt
        n_skipped += bool(row["skipped"])
        n_done += receipt.part.n_rows
        if on_progress is not None:
            on_progress(n_done, n_all)
    require_all_rows(job, parts, receipts)
    first = receipts[parts[0].name]
    return CorpusReport(
        n_parts=len(parts),
        n_skipped=n_skipped,
        n_rows=n_all,
        n_blank=sum(receipt.n_blank for receipt in receipts.values()),
        n_truncated=sum(receipt.n_truncated for receipt in receipts.values()),
        dimensions=first.dimensions,
        model=first.model,
    )


class PartWorker:
    """What Ray runs in each worker: one model, one part after another.

    Args:
        job: What and where.
        open_encoder: Opens the model, at the first part.
    """

    def __init__(self, job: CorpusJob, open_encoder: OpenEncoder) -> None:
        self._job = job
        self._open_encoder = open_encoder
        self._encoder: Encoder | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Finish the parts of a batch; what a person should know comes back as an answer, other errors are raised."""
        answers = [self._answer(Part(**json.loads(str(part)))) for part in batch["part"]]
        return {name: np.array([answer[name] for answer in answers]) for name in ("receipt", "skipped", "error")}

    def _answer(self, part: Part) -> dict[str, object]:
        try:
            if self._encoder is None:
                self._encoder = self._open_encoder()
            receipt, skipped = finish_part(self._job, part, self._encoder)
        except DemoError as error:
            # Such an error does not survive pickling, and Ray would wrap it.
            told = json.dumps({"key": error.key, "values": error.values}, ensure_ascii=False, default=str)
            return {"receipt": "", "skipped": False, "error": told}
        return {"receipt": receipt.to_json(), "skipped": skipped, "error": ""}


def _answers(
    ray: Any, job: CorpusJob, parts: Sequence[Part], open_encoder: OpenEncoder, n_workers: int, gpus: float
) -> Iterator[dict[str, Any]]:
    """Yield an answer for each part as it comes."""
    dataset = ray.data.from_items(
        [{"part": json.dumps(asdict(part), ensure_ascii=False)} for part in parts], override_num_blocks=len(parts)
    ).map_batches(
        PartWorker,
        fn_constructor_args=(job, open_encoder),
        batch_size=1,
        num_cpus=1,
        num_gpus=gpus,
        compute=ray.data.ActorPoolStrategy(size=n_workers),
        max_restarts=-1,
        max_task_retries=-1,
    )
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayTaskError:
        raise  # a bug of ours: it keeps its traceback
    except ray.exceptions.RayError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
        raise DataError("corpus_workers_failed", reason=reason) from error


def _ray() -> Any:
    # Ray reports its use to its makers unless it is told not to, and it looks at this when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="ray", extra="ray") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray


def finish_part(job: CorpusJob, part: Part, encoder: Encoder) -> tuple[Receipt, bool]:
    """Return the receipt of a part, and whether it was finished before; encode and write it if it was not.

    Raises:
        DataError: If the output belongs to another job, or cannot be written.
    """
    import pyarrow.parquet

    target, info = job.target / f"{part.name}.parquet", encoder.info
    asked = Receipt(
        part=part,
        source_bytes=(job.source / part.file).stat().st_size,
        column=job.column,
        id_column=job.id_column,
        role=job.role.value,
        fingerprint=info.fingerprint,
        dimensions=info.dimensions,
        n_blank=0,
        n_truncated=0,
        checksum="",
        model=f"{info.id} @ {info.revision}, {info.engine}, {info.dtype}, {info.device}",
    )
    try:
        found = Receipt.from_json(target.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError, TypeError, KeyError):
        found = None
    if found is not None:
        changes = asked.differences(found)
        if changes:
            raise DataError("corpus_output_differs", name=str(job.target), changes=changes)
        if found.part == part and _is_whole(target, found):
            return found, True
    table, encoded = _encoded_table(job, part, encoder)
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    content = sink.getvalue().to_pybytes()
    receipt = replace(
        asked,
        n_blank=part.n_rows - len(encoded.n_tokens),
        n_truncated=int(encoded.truncated.sum()),
        checksum=blake2b(content, digest_size=20).hexdigest(),
    )
    try:
        with whole_file(target) as file:
            file.write(content)
        with whole_file(target.with_suffix(".json")) as file:  # last: whoever finds it finds the whole part
            file.write(receipt.to_json().encode())
    except OSError as error:
        raise DataError("output_failed", name=str(target), reason=error.strerror or str(error)) from error
    return receipt, False


def _encoded_table(job: CorpusJob, part: Part, encoder: Encoder) -> tuple[Any, Encoded]:
    import pyarrow as pa

    with opened_parquet(job.source / part.file) as file:
        columns = [job.column] if job.id_column is None else list({job.column: 0, job.id_column: 0})
        rows = file.read_row_group(part.row_group, columns=columns).slice(part.skip, part.n_rows)
    texts = rows.column(job.column).to_pylist()
    if job.id_column is None:
        ids = pa.array([f"{part.file}#{part.first_row + n}" for n in range(part.n_rows)])
    else:
        ids = rows.column(job.id_column).combine_chunks()
    places = np.array([place for place, text in enumerate(texts) if text and text.strip()], dtype=np.int64)
    encoded = encoder.encode([texts[place] for place in places], job.role)
    vectors = np.zeros((part.n_rows, encoder.info.dimensions), dtype=np.float32)
    vectors[places] = encoded.vectors
    n_tokens = np.zeros(part.n_rows, dtype=np.int64)
    n_tokens[places] = encoded.n_tokens
    blank = np.ones(part.n_rows, dtype=np.bool_)
    blank[places] = False
    lists = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.reshape(-1)), list_size=encoder.info.dimensions, mask=pa.array(blank)
    )
    return pa.table({"id": ids, "vector": lists, "n_tokens": pa.array(n_tokens)}), encoded


def _is_whole(target: Path, receipt: Receipt) -> bool:
    """Return whether an output file has the bytes and the rows that its receipt tells."""
    import pyarrow as pa
    import pyarrow.parquet

    digest = blake2b(digest_size=20)
    try:
        with target.open("rb") as file:
            while block := file.read(HASHED_BYTES):
                digest.update(block)
        if digest.hexdigest() != receipt.checksum:
            return False
        return bool(pyarrow.parquet.read_metadata(target).num_rows == receipt.part.n_rows)
    except (OSError, pa.ArrowException):
        return False


def require_all_rows(job: CorpusJob, parts: Sequence[Part], receipts: dict[str, Receipt]) -> None:
    """Count the rows that lie in the output folder, and take away what dead workers left half written.

    Raises:
        DataError: If there are not as many as in the input.
    """
    import pyarrow.parquet

    found = 0
    for part in parts:
        path = job.target / f"{part.name}.parquet"
        if part.name in receipts and path.is_file():
            found += pyarrow.parquet.read_metadata(path).num_rows
    expected = sum(part.n_rows for part in parts)
    if found != expected:
        raise DataError("corpus_incomplete", name=str(job.target), found=found, expected=expected)
    for rest in job.target.glob(f".*{TEMPORARY}"):
        rest.unlink(missing_ok=True)


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
            schema = file.schema_arrow
            sizes = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
        texts = _text_columns(schema)
        if job.column not in texts:
            raise InputError("corpus_no_column", name=path.name, column=job.column, valid=", ".join(texts) or "-")
        if job.id_column is not None and job.id_column not in schema.names:
            valid = ", ".join(schema.names)
            raise InputError("file_no_column", name=path.name, column=job.id_column, valid=valid)
        name, before = path.relative_to(job.source).as_posix(), 0
        for group, size in enumerate(sizes):
            parts += [
                Part(name, group, skip, before + skip, min(job.rows_per_part, size - skip))
                for skip in range(0, size, job.rows_per_part)
            ]
            before += size
    if not parts:
        raise InputError("corpus_no_parquet", name=str(job.source))
    return parts


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

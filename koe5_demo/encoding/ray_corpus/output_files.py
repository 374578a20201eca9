"""The parquet files that go out: a part is encoded and written whole, then its receipt. Knows no Ray."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from koe5_demo.encoding.ray_corpus.job import CorpusJob, Part, Receipt, opened_parquet, receipt_from
from koe5_demo.errors import DataError
from koe5_demo.records import Encoded, Encoder
from koe5_demo.whole_files import TEMPORARY, whole_file

HASHED_BYTES: Final = 1 << 20


def finish_part(job: CorpusJob, part: Part, encoder: Encoder) -> tuple[Receipt, bool]:
    """Return the receipt of a part, and whether it was finished before; encode and write it if it was not.

    Raises:
        DataError: If the output belongs to another job, or cannot be written.
    """
    target = job.target / f"{part.name}.parquet"
    asked = _asked(job, part, encoder)
    found = _read_receipt(target)
    if found is not None:
        changes = asked.differences(found)
        if changes:
            raise DataError("corpus_output_differs", name=str(job.target), changes=changes)
        if found.part == part and _is_whole(target, found):
            return found, True
    table, encoded = _encoded_table(job, part, encoder)
    try:
        checksum = _write_table(table, target)
        n_blank = part.n_rows - len(encoded.n_tokens)
        receipt = replace(asked, n_blank=n_blank, n_truncated=int(encoded.truncated.sum()), checksum=checksum)
        # The receipt last: whoever finds it finds the whole part.
        _write_whole(target.with_suffix(".json"), json.dumps(asdict(receipt), ensure_ascii=False).encode())
    except OSError as error:
        raise DataError("output_failed", name=str(target), reason=error.strerror or str(error)) from error
    return receipt, False


def _asked(job: CorpusJob, part: Part, encoder: Encoder) -> Receipt:
    info = encoder.info
    return Receipt(
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


def _encoded_table(job: CorpusJob, part: Part, encoder: Encoder) -> tuple[Any, Encoded]:
    import pyarrow as pa

    with opened_parquet(job.source / part.file) as file:
        columns = [job.column] if job.id_column is None else list({job.column: 0, job.id_column: 0})
        rows = file.read_row_group(part.row_group, columns=columns).slice(part.skip, part.n_rows)
    texts = rows.column(job.column).to_pylist()
    ids = rows.column(job.id_column).combine_chunks() if job.id_column else pa.array(_row_names(part))
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


def _row_names(part: Part) -> list[str]:
    return [f"{part.file}#{part.first_row + n}" for n in range(part.n_rows)]


def _write_table(table: Any, target: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet

    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    content = sink.getvalue().to_pybytes()
    _write_whole(target, content)
    return blake2b(content, digest_size=20).hexdigest()


def _write_whole(target: Path, content: bytes) -> None:
    with whole_file(target) as file:
        file.write(content)


def _read_receipt(target: Path) -> Receipt | None:
    """Return the receipt beside an output file; None if there is none or it cannot be read."""
    try:
        return receipt_from(json.loads(target.with_suffix(".json").read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


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

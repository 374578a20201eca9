"""What a job is, its parts and receipts, and what it gave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from koe5_demo.records import Role

REQUIREMENTS: Final = "requirements-ray.txt"
ROWS_PER_PART: Final = 8_192


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

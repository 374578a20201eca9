"""What was read of a training set and what was left out, by reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from koe5_demo.records import Notice
from koe5_demo.training.data.columns import Columns


@dataclass(frozen=True)
class DataReport:
    """What was read and what was left out.

    Attributes:
        source: Hub id, file or folder as given.
        revision: Commit on the hub, or None.
        files: Names of the files read, none for a hub data set.
        columns: Which columns were read.
        n_read: Rows in the source.
        n_blank: Rows left out because the query or the positive is blank.
        n_without_negative: Rows left out because the hard negative is blank.
        n_contradictions: Rows left out because the positive is also the negative.
        n_duplicates: Rows left out because an equal row came before.
        n_kept: Rows to train on.
        n_negatives_unused: Hard negatives that a set used as pairs leaves aside.
        n_negatives_further, further_columns: Hard negatives beyond the one of a row that is trained on.
        n_prefixed: Kept rows with a text that carries a training prefix already: it would be added twice.
        n_in_evaluation: Kept rows whose query is also a query of the evaluation set.
        has_negatives: Whether triplets are trained on, or pairs.
        fingerprint: SHA-256 of the kept rows in their order.
    """

    source: str
    revision: str | None
    files: tuple[str, ...]
    columns: Columns
    n_read: int
    n_blank: int
    n_without_negative: int
    n_contradictions: int
    n_duplicates: int
    n_kept: int
    n_negatives_unused: int
    n_negatives_further: int
    further_columns: tuple[str, ...]
    n_prefixed: int
    n_in_evaluation: int
    has_negatives: bool
    fingerprint: str

    def notices(self) -> tuple[Notice, ...]:
        """Return what whoever started the run should know, the most important last."""
        counted = (
            ("train_notice_blank", self.n_blank),
            ("train_notice_without_negative", self.n_without_negative),
            ("train_notice_contradictions", self.n_contradictions),
            ("train_notice_duplicates", self.n_duplicates),
            ("train_notice_negatives_unused", self.n_negatives_unused),
            ("train_notice_prefixed", self.n_prefixed),
            ("train_notice_in_evaluation", self.n_in_evaluation),
        )
        found = tuple(Notice(key, {"n": n, "of": self.n_read}) for key, n in counted if n)
        if self.n_negatives_further:
            values = {"n": self.n_negatives_further, "columns": ", ".join(self.further_columns)}
            found = (*found, Notice("train_notice_further_negatives", values))
        kind = "train_notice_triplets" if self.has_negatives else "train_notice_pairs"
        return (*found, Notice(kind, {"n": self.n_kept, "columns": ", ".join(self.columns.names)}))

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)

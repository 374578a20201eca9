"""Which rows are trained on: the checks of one row after the other, their counts, the hash of what is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from hashlib import blake2b, sha256
from typing import Final

import pyarrow as pa

from koe5_demo.training.recipe import KOE5_RECIPE

TRIPLET: Final = 3
"""Columns of a row that has a hard negative."""
ROWS_AT_A_TIME: Final = 8_192


class Sieve:
    """Decides row by row what is trained on, and counts why a row is not."""

    def __init__(self, evaluation_queries: frozenset[str], *, needs_negative: bool = True) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._evaluation = evaluation_queries
        self._prefixes = tuple(prefix.rstrip() for prefix in KOE5_RECIPE.prompts.by_column().values())
        self._needs_negative = needs_negative
        self._seen: set[bytes] = set()
        self._digest = sha256()

    def mask(self, table: pa.Table) -> pa.Array:
        """Return (rows,) bool, true where a row is kept."""
        return pa.array([self._keeps(row) for row in _rows(table)], pa.bool_())

    def fingerprint(self) -> str:
        """Return the hash of the rows kept so far, in their order."""
        return self._digest.hexdigest()

    def _keeps(self, row: tuple[str | None, ...]) -> bool:
        reason = self._reason_to_drop(row)
        if reason is not None:
            self.counts[reason] += 1
            return False
        self._digest.update(_row_hash(row))
        self.counts["prefixed"] += any(str(text).startswith(self._prefixes) for text in row)
        self.counts["in_evaluation"] += row[0] in self._evaluation
        return True

    def _reason_to_drop(self, row: tuple[str | None, ...]) -> str | None:
        blank = [text is None or not text.strip() for text in row]
        if blank[0] or blank[1]:
            return "blank"
        if self._needs_negative and len(row) == TRIPLET and blank[2]:
            return "without_negative"
        if len(row) == TRIPLET and row[1] == row[2]:
            return "contradiction"
        digest = _row_hash(row)
        if digest in self._seen:
            return "duplicate"
        self._seen.add(digest)
        return None


def _rows(table: pa.Table) -> Iterator[tuple[str | None, ...]]:
    for batch in table.to_batches(ROWS_AT_A_TIME):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _row_hash(row: tuple[str | None, ...]) -> bytes:
    # A lone surrogate is legal in JSON and not in UTF-8. The lengths keep ("a", "bc") apart from ("ab", "c").
    parts = (str(text).encode("utf-8", "surrogatepass") for text in row)
    return blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=16).digest()

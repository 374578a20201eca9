"""Which texts go through the network together: batches cut by tokens, texts of like length side by side. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from koe5_demo.records import IntArray


@dataclass(frozen=True)
class Run:
    """Neighbouring texts of equal length in a packed sequence: attention takes them in one call without a mask.

    Attributes:
        start: First token of the first text.
        n_texts: How many texts.
        length: Tokens of each.
    """

    start: int
    n_texts: int
    length: int

    @property
    def stop(self) -> int:
        """Return the place after the last token."""
        return self.start + self.n_texts * self.length


def cut_batches(lengths: IntArray, tokens_per_batch: int, *, at_once: int = 1) -> list[IntArray]:
    """Part texts into batches of at most `tokens_per_batch` tokens, longest texts first.

    Batches are made about equally full: a small rest would cost nearly as much as a full batch. A text longer than a
    batch gets one of its own.

    Args:
        lengths: (n,) tokens of each text, all at least 1.
        tokens_per_batch: Bound of a batch, at least 1.
        at_once: So many run side by side: their number is a multiple of this where the bound leaves room for it.

    Returns:
        Places of texts, one array a batch, every place once; none for no text.
    """
    if len(lengths) == 0:
        return []
    n_batches = at_once * -(-int(lengths.sum()) // (at_once * tokens_per_batch))
    even = -(-int(lengths.sum()) // n_batches)
    batches: list[list[int]] = [[]]
    filled = 0
    for place in np.argsort(-lengths, kind="stable"):
        length = int(lengths[place])
        full = filled + length > tokens_per_batch or filled >= even
        if full and batches[-1]:
            batches.append([])
            filled = 0
        batches[-1].append(int(place))
        filled += length
    return [np.asarray(batch, dtype=np.int64) for batch in batches]


def equal_runs(lengths: IntArray, max_scores: int) -> Iterator[Run]:
    """Find the runs of equal length in a packed sequence.

    Args:
        lengths: (n,) tokens of each text, in packed order.
        max_scores: Bound of `n_texts * length ** 2`, so that the scores of a run stay in cache; one text is always
            allowed.
    """
    start = place = 0
    while place < len(lengths):
        length = int(lengths[place])
        limit = max(1, max_scores // (length * length))
        n_texts = 1
        while n_texts < limit and place + n_texts < len(lengths) and int(lengths[place + n_texts]) == length:
            n_texts += 1
        yield Run(start, n_texts, length)
        start += n_texts * length
        place += n_texts

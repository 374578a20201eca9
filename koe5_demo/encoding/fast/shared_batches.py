"""One network for several callers: what is ordered while it runs goes together in the next batch.

A batch of one short text costs nearly what a batch of several does: the weights are read once either way. One thread
runs them all, since oneDNN keeps its kernels, and OpenMP its threads, for each thread that computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Generic, TypeVar

Rows = TypeVar("Rows")
Result = TypeVar("Result")
Tokens = Sequence[Sequence[int]]
"""The token ids of some texts."""
MOST_PASSED_OVER: Final = 8
"""Batches that a large order lets small ones have: who ranks a thousand passages should not double everybody's wait."""


@dataclass(eq=False)
class _Order(Generic[Rows]):
    """What one caller wants: a row for each of these texts."""

    ids: Tokens
    n_tokens: int
    n_passed_over: int = 0
    rows: Future[Rows] = field(default_factory=Future)

    @property
    def urgency(self) -> tuple[bool, int]:
        overdue = self.n_passed_over >= MOST_PASSED_OVER
        return not overdue, 0 if overdue else self.n_tokens


class SharedBatches(Generic[Rows]):
    """Runs batches one after the other, each with as many waiting orders as it holds.

    The smallest go first, and among equals who came first; nobody is passed over more often than `MOST_PASSED_OVER`.

    Args:
        run: Computes the rows of texts, one a text.
        part: Takes the rows of neighbouring texts out of what `run` returned.
        most_tokens: Bound of a batch of several orders; one order alone may be larger.
    """

    def __init__(self, run: Callable[[Tokens], Rows], part: Callable[[Rows, slice], Rows], *, most_tokens: int) -> None:
        self._run = run
        self._part = part
        self._most_tokens = most_tokens
        self._waiting: list[_Order[Rows]] = []
        self._lock = Lock()
        # Begins with the first order: a process forked before that, as on ZeroGPU, gets a thread of its own.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")

    def rows(self, ids: Tokens) -> Rows:
        """Return the rows of these texts; raises what `run` raised for the batch that they were in."""
        order = _Order[Rows](ids, sum(len(text) for text in ids))
        with self._lock:
            self._waiting.append(order)
        self._thread.submit(self._run_next)
        return order.rows.result()

    def alone(self, compute: Callable[[], Result]) -> Result:
        """Return what `compute` returns, run between two batches."""
        return self._thread.submit(compute).result()

    def _run_next(self) -> None:
        batch = self._next_batch()
        if not batch:
            return  # an earlier one took the orders along
        try:
            rows = self._run([text for order in batch for text in order.ids])
        except BaseException as error:  # noqa: BLE001 whoever waits raises it
            for order in batch:
                order.rows.set_exception(error)
            return
        start = 0
        for order in batch:
            order.rows.set_result(self._part(rows, slice(start, start + len(order.ids))))
            start += len(order.ids)

    def _next_batch(self) -> list[_Order[Rows]]:
        batch: list[_Order[Rows]] = []
        n_tokens = 0
        with self._lock:
            for order in sorted(self._waiting, key=lambda order: order.urgency):
                n_tokens += order.n_tokens
                if batch and n_tokens > self._most_tokens:
                    break
                batch.append(order)
            self._waiting = [order for order in self._waiting if order not in batch]
            for order in self._waiting:
                order.n_passed_over += 1
        return batch

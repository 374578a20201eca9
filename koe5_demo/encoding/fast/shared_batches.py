"""One network for several callers: what is ordered while it runs goes together in the next batch.

A batch of one short text costs nearly what a batch of several does: the weights are read once either way. One thread
runs them all, since oneDNN keeps its kernels, and OpenMP its threads, for each thread that computes.

Who wants much rests while others want little: a thousand passages without a pause make fifty visitors wait twice as
long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock, get_ident
from typing import Final, Generic, TypeVar

Rows = TypeVar("Rows")
Result = TypeVar("Result")
Tokens = Sequence[Sequence[int]]
"""The token ids of some texts."""
MOST_PASSED_OVER: Final = 8
"""Batches that a large order lets small ones have."""
FREE_TOKENS: Final = 2_048
"""What a caller may have without a rest: ten passages of 200 tokens, or fifty short ones."""
REST: Final = 8.0
"""Seconds that the network rests from callers who had more, all together, for each second that it worked for them."""
PARTS: Final = 4
"""Into so many the batches of one caller are cut while others want little, because nothing interrupts a batch."""
LATELY_S: Final = 0.25
"""Nobody rests for others who ordered nothing for so long."""
POLL_S: Final = 0.02


@dataclass(eq=False)
class _Order(Generic[Rows]):
    """What one caller wants: a row for each of these texts."""

    ids: Tokens
    n_tokens: int
    n_passed_over: int = 0
    seconds: float = 0.0
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
        clock, sleep: Seconds that never go back, and waiting.
    """

    def __init__(
        self,
        run: Callable[[Tokens], Rows],
        part: Callable[[Rows, slice], Rows],
        *,
        most_tokens: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._run = run
        self._part = part
        self._most_tokens = most_tokens
        self._clock = clock
        self._sleep = sleep
        self._small_orders: dict[int, float] = {}  # by thread, when it last made one
        self._rests_until = float("-inf")
        self._large_orders = Lock()
        self._waiting: list[_Order[Rows]] = []
        self._lock = Lock()
        # Begins with the first order: a process forked before that, as on ZeroGPU, gets a thread of its own.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")

    def rows(self, ids: Tokens, *, n_before: int = 0) -> Rows:
        """Return the rows of these texts; raises what `run` raised for the batch that they were in.

        Args:
            ids: The texts.
            n_before: Tokens that the same caller had before; one who had many waits while others want little.
        """
        order = _Order[Rows](ids, sum(len(text) for text in ids))
        if n_before < FREE_TOKENS:
            self._note_small_order()
            return self._rows_of(order)
        with self._large_orders:
            while self._clock() < self._rests_until and self.others_want_little():
                self._sleep(POLL_S)
            rows = self._rows_of(order)
            self._rests_until = self._clock() + REST * order.seconds
        return rows

    def n_parts(self, n_batches: int) -> int:
        """Return into how many orders a caller of so many batches should cut each of them."""
        return PARTS if n_batches > 1 and self.others_want_little() else 1

    def alone(self, compute: Callable[[], Result]) -> Result:
        """Return what `compute` returns, run between two batches."""
        return self._thread.submit(compute).result()

    def _note_small_order(self) -> None:
        now = self._clock()
        with self._lock:
            recent = {thread: at for thread, at in self._small_orders.items() if now - at < LATELY_S}
            self._small_orders = recent | {get_ident(): now}

    def others_want_little(self) -> bool:
        """Return whether somebody else ordered something small a moment ago."""
        now, own = self._clock(), get_ident()
        return any(now - at < LATELY_S for thread, at in self._small_orders.items() if thread != own)

    def _rows_of(self, order: _Order[Rows]) -> Rows:
        with self._lock:
            self._waiting.append(order)
        self._thread.submit(self._run_next)
        return order.rows.result()

    def _run_next(self) -> None:
        batch = self._next_batch()
        if not batch:
            return  # an earlier one took the orders along
        start = self._clock()
        try:
            rows = self._run([text for order in batch for text in order.ids])
        except BaseException as error:  # noqa: BLE001 whoever waits raises it
            for order in batch:
                order.rows.set_exception(error)
            return
        seconds, row = self._clock() - start, 0
        for order in batch:
            order.seconds = seconds
            order.rows.set_result(self._part(rows, slice(row, row + len(order.ids))))
            row += len(order.ids)

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

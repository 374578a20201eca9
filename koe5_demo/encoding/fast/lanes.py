"""Batches of a large job side by side, each on a thread that computes alone.

Threads that share every operator meet at its end, and operators that are over soon, or run on one thread by themselves,
leave the others idle. Texts know nothing of each other, so each thread can take a batch through all layers and wait for
nobody: int8 gains a quarter to a half, 16 bits a tenth where the processor has matrix units.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Final, Generic, TypeVar

import torch

from koe5_demo.encoding.fast.shared_batches import Tokens

MOST_LANES: Final = 8
"""With more threads than this all of them stay together: lanes call their operators from Python, in turns."""

Rows = TypeVar("Rows")


def n_lanes(threads: int, *, short_products: bool) -> int:
    """Return how many batches of a large job run at once.

    Args:
        threads: That may compute at once.
        short_products: Whether dense layers are in 16 bits or int8. float32 gains nothing: its threads meet rarely.
    """
    return threads if short_products and threads <= MOST_LANES else 1


class Lanes(Generic[Rows]):
    """Threads over which torch splits no operator. They begin with the first batch.

    Args:
        n: How many.
        run: Computes the rows of texts.
    """

    def __init__(self, n: int, run: Callable[[Tokens], Rows]) -> None:
        self.n = n
        self._run = run
        self._pool = ThreadPoolExecutor(
            n, thread_name_prefix="lane", initializer=_compute_alone, initargs=(torch.get_num_threads(),)
        )

    def begin(self, ids: Tokens) -> Future[Rows]:
        """Have the rows of these texts computed as soon as a lane is free; batches begin in the order they come."""
        return self._pool.submit(self._run, ids)


def _compute_alone(usual: int) -> None:
    """Let this thread compute by itself, and threads to come with `usual` ones."""
    torch.get_num_threads()  # the first question or computation of a thread gives it the common number: not after this
    torch.set_num_threads(1)
    # torch keeps the number for each thread, and the last one that was set for threads that are new to it.
    restoring = Thread(target=torch.set_num_threads, args=(usual,))
    restoring.start()
    restoring.join()

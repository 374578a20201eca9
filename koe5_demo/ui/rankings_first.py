"""Long runs let rankings go first. No gradio."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from koe5_demo.benchmark.progress import ShouldStop

REST: Final = 4.0
"""Seconds that a long run rests for each second it worked, as long as visitors keep the model busy."""
LONGEST_REST_S: Final = 8.0
POLL_S: Final = 0.02


class RankingsFirst:
    """Makes long runs rest while rankings wait or run. Without it one benchmark takes half of what fifty visitors need.

    Args:
        is_busy: Whether rankings wait or run.
        clock, sleep: Seconds that never go back, and waiting.
    """

    def __init__(
        self,
        is_busy: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._is_busy = is_busy
        self._clock = clock
        self._sleep = sleep

    def resting(self, should_stop: ShouldStop) -> ShouldStop:
        """Return a stop signal for one run that rests, while rankings wait or run, whenever it is asked."""
        since = self._clock()

        def rest_and_ask() -> bool:
            nonlocal since
            now = self._clock()
            end = now + min(REST * (now - since), LONGEST_REST_S)
            while self._clock() < end and self._is_busy() and not should_stop():
                self._sleep(POLL_S)
            since = self._clock()
            return should_stop()

        return rest_and_ask

"""What a run tells about itself while it goes on, how it is stopped, and the queue in which it waits."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final

ShouldStop = Callable[[], bool]
"""Asked often by a run; True ends it after the portion under way."""
REST: Final = 4.0
"""Seconds that a long run rests for each second it worked, as long as visitors keep the model busy."""
LONGEST_REST_S: Final = 8.0
POLL_S: Final = 0.02


class StoppedError(Exception):
    """The run was asked to stop; what was encoded is kept."""


class RunPhase(str, Enum):
    """What a run is doing."""

    WAITING = "waiting"
    LOADING_DATA = "loading_data"
    LOADING_MODEL = "loading_model"
    ENCODING_QUERIES = "encoding_queries"
    ENCODING_DOCUMENTS = "encoding_documents"
    SEARCHING = "searching"
    SCORING = "scoring"
    WRITING = "writing"


@dataclass(frozen=True)
class RunProgress:
    """One step of a run.

    Attributes:
        phase: What goes on.
        dataset, model: Of what; empty where it is of neither.
        done, total: Texts, or queries, or runs ahead in the queue (phase WAITING, total 0); total 0 where unknown.
        texts_per_s: Speed of encoding; 0 outside of it.
        seconds_left: Of this phase; None where unknown.
    """

    phase: RunPhase
    dataset: str = ""
    model: str = ""
    done: int = 0
    total: int = 0
    texts_per_s: float = 0.0
    seconds_left: float | None = None


class SpeedMeter:
    """Speed and time left of work whose cost goes with the length of texts."""

    def __init__(self, phase: RunPhase, total: int, cost: int, done: int = 0) -> None:
        self._phase = phase
        self._total = total
        self._done = done
        self._start_done = done
        self._cost_left = cost
        self._cost_done = 0
        self._start = time.perf_counter()

    def step(self, n: int, cost: int) -> RunProgress:
        """Count `n` more texts of `cost` characters as done."""
        self._done += n
        self._cost_done += cost
        self._cost_left -= cost
        seconds = max(time.perf_counter() - self._start, 1e-9)
        return RunProgress(
            phase=self._phase,
            done=self._done,
            total=self._total,
            texts_per_s=(self._done - self._start_done) / seconds,
            seconds_left=max(0, self._cost_left) * seconds / max(self._cost_done, 1),
        )


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


class RunQueue:
    """One run at a time on a device, first come first served. Made once by whoever composes the program.

    Args:
        lets_others_first: Makes the stop signal of a run one that rests while more urgent work waits, as
            `RankingsFirst.resting` does on the page. Without it nobody goes first.
    """

    def __init__(self, lets_others_first: Callable[[ShouldStop], ShouldStop] = lambda should_stop: should_stop) -> None:
        self.lets_others_first = lets_others_first
        self._queues: defaultdict[str, list[QueuedRun]] = defaultdict(list)
        self._changed = threading.Condition()

    @contextmanager
    def place(self, device: str) -> Iterator[QueuedRun]:
        """Take a place in the queue of a device; it is given up at the end of the block, come what may."""
        run = QueuedRun(self._queues[device], self._changed)
        with self._changed:
            self._queues[device].append(run)
        try:
            yield run
        finally:
            with self._changed:
                self._queues[device].remove(run)
                self._changed.notify_all()

    def waiting(self, device: str) -> int:
        """Return how many runs are on the device or wait for it."""
        with self._changed:
            return len(self._queues[device])


class QueuedRun:
    """A place in the queue of one device."""

    def __init__(self, queue: list[QueuedRun], changed: threading.Condition) -> None:
        self._queue = queue
        self._changed = changed

    @property
    def ahead(self) -> int:
        """Runs before this one; 0 when it may run."""
        with self._changed:
            return self._queue.index(self)

    def wait(self, timeout_s: float) -> bool:
        """Wait until this run's turn, at most `timeout_s`; whether it has come."""
        with self._changed:
            return self._changed.wait_for(lambda: self._queue[0] is self, timeout_s)

"""A token bucket a visitor: so many requests a minute, as many at once, and how long to wait when they are spent."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

MOST_VISITORS: Final = 10_000


@dataclass(frozen=True)
class _Bucket:
    tokens: float
    filled_at: float


class TokenBuckets:
    """Counts requests by visitor. Safe with threads; the visitor not seen for longest is forgotten first.

    Args:
        per_minute: Requests that a visitor may make a minute, and at once; at least 1.
        clock: Tells seconds that never go back.
        most_visitors: How many are remembered: memory stays bounded however many addresses there are.
    """

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, most_visitors: int = MOST_VISITORS
    ) -> None:
        self._size = float(per_minute)
        self._clock = clock
        self._most = most_visitors
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, visitor: str) -> float:
        """Take one request of a visitor; return 0.0 if it may go on, else the seconds until the next may."""
        per_second = self._size / 60
        with self._lock:
            now = self._clock()
            old = self._buckets.pop(visitor, _Bucket(self._size, now))
            tokens = min(self._size, old.tokens + (now - old.filled_at) * per_second)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / per_second
            self._buckets[visitor] = _Bucket(tokens if wait else tokens - 1, now)
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        return wait

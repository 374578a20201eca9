"""What one visitor may take of what all share: requests a minute, and parts of a room that can be full."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
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


class Place(str, Enum):
    """What became of a wish for a part of a room."""

    TAKEN = "taken"
    OWN_SHARE_FULL = "own share full"
    ROOM_FULL = "room full"


class Room:
    """Something that all visitors share, of which each may hold a part. Safe with threads.

    Args:
        size: How much there is.
        share: How much of it one visitor may hold; one thing always fits, however large it is.
        kept_s: After so many seconds what was taken counts as given back; None where `give_back` tells.
        clock: Tells seconds that never go back.
    """

    def __init__(
        self, size: int, share: int, *, kept_s: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = size
        self._share = share
        self._kept_s = kept_s
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._ends: deque[tuple[float, str, int]] = deque()
        self._lock = Lock()

    @property
    def held(self) -> int:
        """Return how much is taken now."""
        with self._lock:
            self._forget()
            return self._held.total()

    def take(self, visitor: str, amount: int) -> Place:
        """Take a part; nothing is taken unless `Place.TAKEN` is returned."""
        with self._lock:
            self._forget()
            if self._held[visitor] and self._held[visitor] + amount > self._share:
                return Place.OWN_SHARE_FULL
            if self._held.total() + amount > self._size:
                return Place.ROOM_FULL
            self._held[visitor] += amount
            if self._kept_s is not None:
                self._ends.append((self._clock() + self._kept_s, visitor, amount))
            return Place.TAKEN

    def give_back(self, visitor: str, amount: int) -> None:
        """Give a part back before its time; nothing happens where that is over already."""
        with self._lock:
            if self._kept_s is None:
                self._release(visitor, amount)
                return
            kept = next((end for end in self._ends if end[1:] == (visitor, amount)), None)
            if kept is not None:  # else its time is over already
                self._ends.remove(kept)
                self._release(visitor, amount)

    def _forget(self) -> None:
        while self._ends and self._ends[0][0] <= self._clock():
            _, visitor, amount = self._ends.popleft()
            self._release(visitor, amount)

    def _release(self, visitor: str, amount: int) -> None:
        self._held[visitor] -= amount
        if self._held[visitor] <= 0:
            del self._held[visitor]

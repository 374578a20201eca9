"""Open connections: how many there may be, how many from one address, and how long one may say nothing.

A connection on which no request is under way is idle. Where there are too many, the one that has been idle for longest
gives way to the newcomer; who keeps hundreds open loses those and shuts nobody out. Knows uvicorn's protocol classes,
because a connection that has sent nothing never reaches an ASGI application.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from typing import Any, Final

MOST: Final = 4_000
MOST_OF_AN_ADDRESS: Final = 200
SPARE_FILES: Final = 200
"""Of the files that the process may open: for models, caches, uploads and pipes."""
SILENCE_S: Final = 15.0
"""From a connection's start, or the end of its last answer, until the head of its next request is there."""
Key = tuple[str, int]


class Connections:
    """The open connections of one server. Used from its event loop alone.

    Args:
        most: How many may be open at once.
        most_of_an_address: How many of one peer; None where all visitors come through one proxy.
        silence_s: How long one may be idle.
    """

    def __init__(
        self, most: int = MOST, most_of_an_address: int | None = MOST_OF_AN_ADDRESS, *, silence_s: float = SILENCE_S
    ) -> None:
        self._most = most
        self._most_of_an_address = most_of_an_address or most
        self._silence_s = silence_s
        self._open: dict[Key, asyncio.Transport] = {}
        self._of_address: Counter[str] = Counter()
        self._idle: OrderedDict[Key, asyncio.TimerHandle] = OrderedDict()
        self._under_way: Counter[Key] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, transport: asyncio.Transport) -> Key | None:
        """Count a new connection, closing an idle one if there is no room; None if it was closed itself."""
        peer = transport.get_extra_info("peername")
        if not isinstance(peer, tuple):  # no address: a Unix socket
            return None
        key = (str(peer[0]), int(peer[1]))
        crowded = self._of_address[key[0]] >= self._most_of_an_address
        if crowded or len(self._open) >= self._most:
            victim = next((idle for idle in self._idle if not crowded or idle[0] == key[0]), None)
            if victim is None:
                transport.abort()
                return None
            self._close(victim)
        self._open[key] = transport
        self._of_address[key[0]] += 1
        self._wait(key)
        return key

    def leave(self, key: Key | None) -> None:
        """Forget a connection that is over."""
        if key is None or self._open.pop(key, None) is None:
            return
        self._stop_waiting(key)
        self._under_way.pop(key, None)
        self._of_address[key[0]] -= 1
        if not self._of_address[key[0]]:
            del self._of_address[key[0]]

    def work(self, key: Key) -> None:
        """Tell that one more request is under way: the connection is not idle."""
        if key in self._open:
            self._under_way[key] += 1
            self._stop_waiting(key)

    def rest(self, key: Key) -> None:
        """Tell that a request is over; without another under way the connection has `silence_s` for the next.

        The next request may begin before the code around the last one has come to its end.
        """
        if key not in self._open:
            return
        self._under_way[key] = max(0, self._under_way[key] - 1)
        if not self._under_way[key]:
            self._wait(key)

    def _wait(self, key: Key) -> None:
        self._stop_waiting(key)
        self._idle[key] = asyncio.get_running_loop().call_later(self._silence_s, self._close, key)

    def _stop_waiting(self, key: Key) -> None:
        timer = self._idle.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _close(self, key: Key) -> None:
        transport = self._open.get(key)
        self.leave(key)
        if transport is not None:
            transport.abort()

    def guard(self, config: Any) -> None:
        """Count the connections that a running uvicorn server accepts from now on.

        Args:
            config: Its `uvicorn.Config`. The server asks it for the protocol class at each new connection.
        """
        config.http_protocol_class = _counted(config.http_protocol_class, self)
        config.ws_protocol_class = None  # nothing here speaks it, and it would take connections out of the count


def most_connections() -> int:
    """Raise the process's limit of open files as far as it goes; return how many connections that leaves room for."""
    try:
        import resource
    except ImportError:  # no such limit on this system
        return MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + SPARE_FILES
    if resource.RLIM_INFINITY not in (soft, hard) and soft < wanted:
        soft = min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft - SPARE_FILES))


def _counted(kind: Any, connections: Connections) -> Any:
    class Counted(kind):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            self.place = connections.enter(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.leave(self.place)
            super().connection_lost(exc)

    return Counted

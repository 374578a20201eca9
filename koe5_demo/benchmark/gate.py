"""One run at a time on a device; the others wait in a queue that can be seen."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Ticket:
    """A place in the queue of one device."""

    def __init__(self, gate: RunGate, device: str) -> None:
        self._gate = gate
        self.device = device

    @property
    def ahead(self) -> int:
        """Runs before this one; 0 when it may run."""
        return self._gate.ahead(self)

    def wait(self, timeout_s: float) -> bool:
        """Wait until this run's turn, at most `timeout_s`; whether it has come."""
        return self._gate.wait(self, timeout_s)


class RunGate:
    """Queues by device, first come first served. Made once by whoever composes the program."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, list[Ticket]] = defaultdict(list)
        self._changed = threading.Condition()

    @contextmanager
    def queue(self, device: str) -> Iterator[Ticket]:
        """Take a place in the queue; it is given up at the end of the block, come what may."""
        ticket = Ticket(self, device)
        with self._changed:
            self._queues[device].append(ticket)
        try:
            yield ticket
        finally:
            with self._changed:
                self._queues[device].remove(ticket)
                self._changed.notify_all()

    def ahead(self, ticket: Ticket) -> int:
        """Return how many runs are before this one."""
        with self._changed:
            return self._queues[ticket.device].index(ticket)

    def waiting(self, device: str) -> int:
        """Return how many runs are on the device or wait for it."""
        with self._changed:
            return len(self._queues[device])

    def wait(self, ticket: Ticket, timeout_s: float) -> bool:
        """Wait until the ticket is first, at most `timeout_s`; whether it is."""
        queue = self._queues[ticket.device]
        with self._changed:
            return self._changed.wait_for(lambda: queue[0] is ticket, timeout_s)

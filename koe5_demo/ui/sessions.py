"""What visitors' sessions keep, bounded by bytes over all of them: the longest unused result is let go first."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

Slot = tuple[int, int]


class Kept(dict[int, Any]):
    """The values of one session by component; see `SessionRoom.session`."""

    __slots__ = ("__weakref__", "_room")

    def __init__(self, room: SessionRoom) -> None:
        super().__init__()
        self._room = room

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self._room.note(self, key, weight(value))

    def __getitem__(self, key: int) -> Any:
        self._room.touch(self, key)
        return super().__getitem__(key)

    def __missing__(self, _: int) -> None:
        """Return nothing for a value that was let go between being looked for and being read."""

    def __delitem__(self, key: int) -> None:
        super().__delitem__(key)
        self._room.forget((id(self), key))


class SessionRoom:
    """Lets values of all sessions go, longest unused first, when they weigh too much together. Safe with threads.

    Whoever asks for a value that was let go finds what a new session would: nothing yet.

    Args:
        most_bytes: What all values may weigh; the newest one stays, however heavy.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._weights: OrderedDict[Slot, tuple[ref[Kept], int]] = OrderedDict()
        self._total = 0
        self._lock = RLock()  # a session may be collected, and leave, while another's value is noted

    @property
    def n_bytes(self) -> int:
        """Return what all values weigh now."""
        return self._total

    def session(self) -> Kept:
        """Return the values of a new session; they leave with it."""
        return Kept(self)

    def note(self, kept: Kept, key: int, n_bytes: int) -> None:
        """Count a value that was set, and let others go if need be."""
        slot = (id(kept), key)
        with self._lock:
            self.forget(slot)
            self._weights[slot] = (ref(kept, lambda _: self.forget(slot)), n_bytes)
            self._total += n_bytes
            while self._total > self._most and len(self._weights) > 1:
                (_, oldest), (owner, _) = next(iter(self._weights.items()))
                held = owner()
                if held is None:
                    self.forget(next(iter(self._weights)))
                else:
                    held.pop(oldest, None)
                    self.forget((id(held), oldest))

    def touch(self, kept: Kept, key: int) -> None:
        """Tell that a value is used."""
        with self._lock:
            if (id(kept), key) in self._weights:
                self._weights.move_to_end((id(kept), key))

    def forget(self, slot: Slot) -> None:
        """Stop counting a value."""
        with self._lock:
            _, n_bytes = self._weights.pop(slot, (None, 0))
            self._total -= n_bytes


def weight(value: Any) -> int:
    """Return roughly how many bytes a value holds, with what lies in it; what lies there twice counts once."""
    seen: set[int] = set()
    open_values, total = [value], 0
    while open_values:
        current = open_values.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        total += current.nbytes if isinstance(current, np.ndarray) else sys.getsizeof(current)
        if isinstance(current, Mapping):
            open_values += [*current.keys(), *current.values()]
        elif isinstance(current, (list, tuple, set, frozenset)):
            open_values += current
        elif is_dataclass(current) and not isinstance(current, type):
            open_values += [getattr(current, field.name) for field in fields(current)]
    return total

"""Texts of a corpus that is too large to lie in memory: read from a file of their own, one by one, as they are needed.

The file has no name and goes when its last user does, also after a kill.
"""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Sequence
from typing import IO, Final, overload

MOST_IN_MEMORY: Final = 64_000_000
"""Bytes of UTF-8 up to which the texts of a corpus stay in memory, as a tuple."""


class StoredTexts(Sequence[str]):
    """Texts in one block of UTF-8; each is decoded anew whenever it is asked for.

    Args:
        block: Of all texts, in any order.
        starts, stops: Bytes of each text, in the order of the sequence.
    """

    def __init__(self, block: mmap.mmap, starts: array[int], stops: array[int]) -> None:
        self._block = block
        self._starts = starts
        self._stops = stops

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...
    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        """Return one text, or some."""
        if isinstance(place, slice):
            return tuple(self[n] for n in range(*place.indices(len(self))))
        return self._block[self._starts[place] : self._stops[place]].decode("utf-8", "surrogatepass")


class TextsById:
    """Takes texts by id, the last one of equal ids at the place of the first, as a dictionary would.

    Args:
        most_in_memory: Bytes from which on texts go to a file.
    """

    def __init__(self, most_in_memory: int) -> None:
        self._most = most_in_memory
        self._places: dict[str, int] = {}
        self._held: list[bytes] = []
        self._starts = array("q")
        self._stops = array("q")
        self._written = 0
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self.n_empty = 0

    @property
    def ids(self) -> dict[str, int]:
        """Return the ids, in order, each with its place."""
        return self._places

    def add(self, id_: str, text: str) -> None:
        """Take a text."""
        raw = text.encode("utf-8", "surrogatepass")
        start, self._bytes = self._bytes, self._bytes + len(raw)
        place = self._places.setdefault(id_, len(self._starts))
        if place == len(self._starts):
            self._starts.append(start)
            self._stops.append(self._bytes)
            self.n_empty += not raw
        else:
            self.n_empty += (not raw) - (self._starts[place] == self._stops[place])
            self._starts[place], self._stops[place] = start, self._bytes
        self._held.append(raw)
        if self._bytes - self._written > self._most:
            self._write()

    def texts(self) -> Sequence[str]:
        """Return the texts in the order of their ids: a tuple, or `StoredTexts` where they are many."""
        if self._file is None:
            block = b"".join(self._held)
            spans = zip(self._starts, self._stops, strict=True)
            return tuple(block[start:stop].decode("utf-8", "surrogatepass") for start, stop in spans)
        self._write()
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return StoredTexts(mapped, self._starts, self._stops)

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="koe5-texts-")  # noqa: SIM115 lives as long as this object
        self._file.write(b"".join(self._held))
        self._file.flush()
        self._held.clear()
        self._written = self._bytes

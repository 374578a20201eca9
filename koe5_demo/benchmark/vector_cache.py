"""Vectors on disk, by model fingerprint, role and text hash. Knows no models and no data sets.

A shelf (one fingerprint and role) is a folder of segments: files of up to 4,096 rows that are written whole under a
temporary name and then renamed, and never changed. So two processes can write and read one shelf without a lock, a
kill at any moment leaves whole segments and at most one temporary file, and a checksum over a whole segment finds any
flipped byte. A damaged segment is deleted and its texts count as missing.

Layout of a segment, little-endian: 8 bytes magic, 4 bytes CRC-32 of all that follows, 4 bytes dimensions, 8 bytes
number of rows; then keys (16 bytes a row), token counts (int64 a row), vectors (float32). Nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from koe5_demo.errors import DataError
from koe5_demo.records import FloatArray, IntArray, Role

KeyArray = npt.NDArray[np.bytes_]
"""(n,) `S16`: hashes of texts."""

DEFAULT_MAX_BYTES: Final = 16 * 2**30
_MAGIC: Final = b"KOE5VEC1"
_HEADER: Final = struct.Struct("<8sIIQ")
_CRC_FROM: Final = 12
_SEGMENT_ROWS: Final = 4096
_READ_ROWS: Final = 4096
_SMALL_ROWS: Final = 1024
_COMPACT_AT: Final = 8
_STALE_TEMPORARY_S: Final = 3600.0
_SUFFIX: Final = ".vec"


class VanishedError(Exception):
    """Vectors that were there a moment ago are gone: another process evicted them."""


def text_keys(texts: Sequence[str]) -> KeyArray:
    """Return (n,) `S16` BLAKE2b hashes of the texts."""
    digests = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="S16")


@dataclass(frozen=True, eq=False)
class _Segment:
    path: Path
    keys: KeyArray
    dimensions: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Contents of a segment: keys (n,), tokens (n,) int64, vectors (n, dim) float32."""

    keys: KeyArray
    tokens: IntArray
    vectors: FloatArray


class VectorCache:
    """A folder of shelves with one bound on their size.

    The bound holds after every run (`evict`): whole segments go, the longest unused first. While a run goes on the
    shelf that it fills may pass the bound, since a run needs all of its vectors.

    Args:
        folder: Made when needed.
        max_bytes: Bound on all segments together.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def shelf(self, fingerprint: str, role: Role) -> Shelf:
        """Return the shelf of one model and role.

        Raises:
            DataError: If the folder cannot be made.
        """
        name = hashlib.blake2b(fingerprint.encode(), digest_size=12).hexdigest()
        folder = self.folder / name / role.value
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError("cache_not_writable", name=str(self.folder), reason=error.strerror or error) from error
        return Shelf(folder)

    def size_bytes(self) -> int:
        """Return the bytes of all segments."""
        return sum(size for _, size, _ in self._segments())

    def evict(self) -> int:
        """Delete the longest unused segments until the bound holds, and stale temporary files; return bytes freed."""
        self._sweep()
        segments = sorted(self._segments(), key=lambda segment: segment[2])
        excess = sum(size for _, size, _ in segments) - self.max_bytes
        freed = 0
        for path, size, _ in segments:
            if freed >= excess:
                break
            path.unlink(missing_ok=True)
            freed += size
        return freed

    def _segments(self) -> list[tuple[Path, int, float]]:
        found = []
        for path in self.folder.glob(f"*/*/*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((path, status.st_size, status.st_mtime))
        return found

    def _sweep(self) -> None:
        for path in self.folder.glob("*/*/*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _STALE_TEMPORARY_S:
                    path.unlink()


class Shelf:
    """Vectors of one model and role.

    Attributes:
        damaged: How many damaged segments were found and deleted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: list[_Segment] = []
        self._verified: set[Path] = set()
        self._index: tuple[KeyArray, IntArray, IntArray] | None = None
        self.damaged = 0

    def missing(self, keys: KeyArray) -> IntArray:
        """Return the indices of `keys` that the shelf lacks. Every segment that holds one of them is verified first."""
        self._refresh()
        while True:
            segments, _ = self._find(keys)
            doubtful = {int(s) for s in np.unique(segments) if s >= 0 and self._segments[s].path not in self._verified}
            bad = [number for number in doubtful if not self._verify(self._segments[number])]
            if not bad:
                return np.flatnonzero(segments < 0).astype(np.int64)
            self._segments = [segment for number, segment in enumerate(self._segments) if number not in bad]
            self._index = None

    def add(self, keys: KeyArray, vectors: FloatArray, tokens: IntArray) -> None:
        """Write vectors; from the return on, a kill does not lose them.

        Args:
            keys: (n,) hashes.
            vectors: (n, dim) float32.
            tokens: (n,) int64.

        Raises:
            DataError: If the disk is full or not writable.
        """
        for start in range(0, len(keys), _SEGMENT_ROWS):
            part = slice(start, start + _SEGMENT_ROWS)
            rows = _Rows(
                np.ascontiguousarray(keys[part]),
                np.ascontiguousarray(tokens[part], "<i8"),
                np.ascontiguousarray(vectors[part], "<f4"),
            )
            try:
                segment = _write(self._folder, rows)
            except OSError as error:
                raise DataError("cache_not_writable", name=str(self._folder), reason=error.strerror or error) from error
            self._segments.append(segment)
            self._verified.add(segment.path)
        self._index = None

    def read(self, keys: KeyArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield (indices into `keys`, (m, dim) float32 vectors), segment by segment in pieces of at least 4,096 rows.

        Raises:
            VanishedError: If a vector is not there (any more).
        """
        pending: list[tuple[IntArray, FloatArray]] = []
        for indices, rows, found in self._gather(keys):
            whole = len(found) == len(rows.keys) and bool((found == np.arange(len(found))).all())
            pending.append((indices, rows.vectors if whole else rows.vectors[found]))
            if sum(len(part) for part, _ in pending) >= _READ_ROWS:
                yield _joined(pending)
                pending = []
        if pending:
            yield _joined(pending)

    def vectors(self, keys: KeyArray, dimensions: int) -> FloatArray:
        """Return (n, dimensions) float32, all in memory: for queries.

        Raises:
            VanishedError: If a vector is not there (any more).
        """
        out = np.empty((len(keys), dimensions), dtype=np.float32)
        for indices, vectors in self.read(keys):
            out[indices] = vectors
        return out

    def tokens(self, keys: KeyArray) -> IntArray:
        """Return (n,) int64 token counts, before any cut.

        Raises:
            VanishedError: If one is not there (any more).
        """
        out = np.empty(len(keys), dtype=np.int64)
        for indices, rows, found in self._gather(keys, vectors=False):
            out[indices] = rows.tokens[found]
        return out

    def compact(self) -> None:
        """Join small segments, as slow encoding leaves them, into large ones."""
        self._refresh()
        small = [segment for segment in self._segments if len(segment.keys) < _SMALL_ROWS and self._verify(segment)]
        if len(small) < _COMPACT_AT or len({segment.dimensions for segment in small}) > 1:
            return
        contents = [rows for segment in small if (rows := _load(segment.path)) is not None]
        self.add(
            np.concatenate([rows.keys for rows in contents]),
            np.concatenate([rows.vectors for rows in contents]),
            np.concatenate([rows.tokens for rows in contents]),
        )
        for segment in small:
            segment.path.unlink(missing_ok=True)
        self._segments = [segment for segment in self._segments if segment not in small]
        self._index = None

    def _gather(self, keys: KeyArray, *, vectors: bool = True) -> Iterator[tuple[IntArray, _Rows, IntArray]]:
        """Yield (indices into `keys`, contents of a segment, rows in it) for each segment that is needed."""
        self._refresh()
        segments, rows = self._find(keys)
        if (segments < 0).any():
            raise VanishedError
        order = np.lexsort((rows, segments))
        edges = np.flatnonzero(np.diff(segments[order], prepend=-1, append=-1))
        for start, stop in pairwise(edges.tolist()):
            indices = order[start:stop].astype(np.int64)
            path = self._segments[segments[indices[0]]].path
            contents = _load(path, vectors=vectors)
            if contents is None:
                raise VanishedError
            with contextlib.suppress(OSError):
                os.utime(path)
            yield indices, contents, rows[indices]

    def _refresh(self) -> None:
        """Take notice of what other processes wrote and deleted."""
        known = {segment.path: segment for segment in self._segments}
        present = sorted(self._folder.glob(f"*{_SUFFIX}"))
        if set(present) == set(known):
            return
        found = (known.get(path) or _open(path) for path in present)
        self._segments = [segment for segment in found if segment is not None]
        self._index = None

    def _find(self, keys: KeyArray) -> tuple[IntArray, IntArray]:
        """Return segment number (-1: nowhere) and row of each key."""
        if self._index is None:
            sizes = [len(segment.keys) for segment in self._segments]
            all_keys = np.concatenate([np.empty(0, "S16"), *(segment.keys for segment in self._segments)])
            order = np.argsort(all_keys, kind="stable")
            numbers = np.repeat(np.arange(len(sizes)), sizes)
            within = np.concatenate([np.empty(0, np.int64), *(np.arange(n) for n in sizes)]).astype(np.int64)
            self._index = (all_keys[order], numbers[order].astype(np.int64), within[order])
        sorted_keys, numbers, within = self._index
        if not len(sorted_keys):
            return np.full(len(keys), -1, np.int64), np.zeros(len(keys), np.int64)
        at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
        return np.where(sorted_keys[at] == keys, numbers[at], -1), within[at]

    def _verify(self, segment: _Segment) -> bool:
        """Check a segment once a process; a damaged one is deleted."""
        if segment.path in self._verified:
            return True
        state = _checksum_holds(segment.path)
        if state:
            self._verified.add(segment.path)
        elif state is False:
            segment.path.unlink(missing_ok=True)
            self.damaged += 1
        return bool(state)


def _write(folder: Path, rows: _Rows) -> _Segment:
    body = struct.pack("<IQ", rows.vectors.shape[1], len(rows.keys))
    arrays = (rows.keys.view("V16"), rows.tokens, rows.vectors)
    parts: list[Any] = [body, *(array.data.cast("B") for array in arrays)]  # buffers, not copied
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    name = f"{os.getpid()}-{secrets.token_hex(8)}"
    temporary = folder / f"{name}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(_MAGIC + struct.pack("<I", crc))
            for part in parts:
                file.write(part)
        path = temporary.with_suffix(_SUFFIX)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return _Segment(path, rows.keys, rows.vectors.shape[1])


def _open(path: Path) -> _Segment | None:
    """Read the keys of a segment; None if it is gone or cut short (then it is deleted)."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
            magic, _, dimensions, n = _HEADER.unpack(head)
            keys = file.read(16 * n)
    except FileNotFoundError:
        return None
    except (struct.error, OverflowError, MemoryError):
        path.unlink(missing_ok=True)
        return None
    if magic != _MAGIC or len(keys) != 16 * n or path.stat().st_size != _size(n, dimensions):
        path.unlink(missing_ok=True)
        return None
    return _Segment(path, np.frombuffer(keys, "S16"), dimensions)


def _load(path: Path, *, vectors: bool = True) -> _Rows | None:
    """Read a segment; None if it is gone. Without vectors, those have no columns."""
    try:
        with path.open("rb") as file:
            _, _, dimensions, n = _HEADER.unpack(file.read(_HEADER.size))
            keys = np.frombuffer(file.read(16 * n), "S16")
            tokens = np.fromfile(file, "<i8", n)
            width = dimensions if vectors else 0
            wide = np.fromfile(file, "<f4", n * width).reshape(n, width)
    except FileNotFoundError:
        return None
    return _Rows(keys, tokens, wide)


def _checksum_holds(path: Path) -> bool | None:
    """Whether the CRC-32 of a segment is right; None if the file is gone."""
    try:
        with path.open("rb") as file:
            head: Any = file.read(_CRC_FROM)
            crc = 0
            while block := file.read(1 << 22):
                crc = zlib.crc32(block, crc)
    except FileNotFoundError:
        return None
    return len(head) == _CRC_FROM and head[:8] == _MAGIC and struct.unpack("<I", head[8:])[0] == crc


def _size(n: int, dimensions: int) -> int:
    return _HEADER.size + n * (16 + 8 + 4 * dimensions)


def _joined(parts: list[tuple[IntArray, FloatArray]]) -> tuple[IntArray, FloatArray]:
    if len(parts) == 1:
        return parts[0]
    return (
        np.concatenate([indices for indices, _ in parts]),
        np.concatenate([vectors for _, vectors in parts]),
    )

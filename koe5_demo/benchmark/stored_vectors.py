"""Vectors on disk by model fingerprint, role and text hash, and how texts come to be there. Knows no data sets.

A shelf (one fingerprint and role) is a folder of segments: numpy's `.npz` files of up to 4,096 rows (`keys`, `tokens`,
`vectors`) that are written whole or not at all and never changed. So two processes can write and read one shelf
without a lock, and a kill at any moment leaves whole segments. The zip form keeps a checksum of each array: a damaged
segment is found, deleted, and its texts count as missing. Nothing is ever unpickled.

What a shelf lacks is encoded in small portions, so that a run can stop at any moment. Portions are cut from the texts
sorted by length (little padding inside a portion), grow until one takes about two seconds, and are on disk before the
next begins: a stop or a kill loses at most one portion.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import secrets
import time
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from koe5_demo.benchmark.progress import RunPhase, RunProgress, ShouldStop, SpeedMeter, StoppedError
from koe5_demo.errors import DataError
from koe5_demo.records import DoubleArray, Encoder, FloatArray, IntArray, Role
from koe5_demo.whole_files import TEMPORARY, whole_file

logger = logging.getLogger(__name__)

KeyArray = npt.NDArray[np.bytes_]
"""(n,) `S16`: hashes of texts."""

DEFAULT_MAX_BYTES: Final = 16 * 2**30
_SUFFIX: Final = ".npz"
_ARRAYS: Final = {"keys.npy", "tokens.npy", "vectors.npy"}
_SEGMENT_ROWS: Final = 4096
_SMALL_ROWS: Final = 1024
_COMPACT_AT: Final = 8
_STALE_TEMPORARY_S: Final = 3600.0
_FIRST_PORTION: Final = 8
_LARGEST_PORTION: Final = 4096
_PORTION_S: Final = 2.0
_TRIES: Final = 3
_PHASES: Final = {
    Role.QUERY: RunPhase.ENCODING_QUERIES,
    Role.PASSAGE: RunPhase.ENCODING_DOCUMENTS,
    Role.NONE: RunPhase.ENCODING_DOCUMENTS,
}
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, RuntimeError, OSError)
"""What `zipfile` raises for files that are not as they were written; the arrays inside are parsed after their check."""


class VanishedError(Exception):
    """Vectors that were there a moment ago are gone: another process evicted them, or the disk damaged them."""


class UnwritableError(DataError):
    """The cache's folder cannot be made or written to; a run goes on without it."""


def text_keys(texts: Sequence[str]) -> KeyArray:
    """Return (n,) `S16` BLAKE2b hashes of the texts."""
    digests = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="S16")


class DiskVectors:
    """A folder of shelves with one bound on their size.

    The bound holds after every run (`evict`): whole segments go, the longest unused first. While a run goes on the
    shelf that it fills may pass the bound, since a run needs all of its vectors.

    Args:
        folder: Made when needed.
        max_bytes: Bound on all files together.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def shelf(self, fingerprint: str, role: Role) -> Shelf:
        """Return the shelf of one model and role.

        Raises:
            UnwritableError: If the folder cannot be made.
        """
        name = hashlib.blake2b(fingerprint.encode(), digest_size=12).hexdigest()
        folder = self.folder / name / role.value
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        return Shelf(folder)

    def evict(self) -> int:
        """Delete the longest unused files until the bound holds, and stale temporary ones; return bytes freed."""
        found = []
        for path in self.folder.glob("*/*/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.suffix != TEMPORARY:
                    found.append((status.st_mtime, status.st_size, path))
                elif time.time() - status.st_mtime > _STALE_TEMPORARY_S:
                    path.unlink()
        excess, freed = sum(size for _, size, _ in found) - self.max_bytes, 0
        for _, size, path in sorted(found):
            if freed >= excess:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                freed += size
        return freed


class Shelf:
    """Vectors of one model and role.

    Attributes:
        damaged: How many damaged segments were found and deleted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: dict[Path, KeyArray] = {}
        self._verified: set[Path] = set()
        self._spoilt: set[Path] = set()
        self.damaged = 0

    def missing(self, keys: KeyArray) -> IntArray:
        """Return the indices of `keys` that the shelf lacks. Every segment that holds one of them is verified first."""
        while True:
            holders, numbers, _ = self._find(keys)
            doubtful = [path for n in np.unique(numbers[numbers >= 0]) if (path := holders[n]) not in self._verified]
            if not doubtful:
                return np.flatnonzero(numbers < 0).astype(np.int64)
            self._verified.update(path for path in doubtful if self._read(path, _checked))

    def add(self, keys: KeyArray, vectors: FloatArray, tokens: IntArray) -> None:
        """Write vectors; from the return on, a kill does not lose them.

        Args:
            keys: (n,) hashes.
            vectors: (n, dim) float32.
            tokens: (n,) int64.

        Raises:
            UnwritableError: If the disk is full or not writable.
        """
        for start in range(0, len(keys), _SEGMENT_ROWS):
            part = slice(start, start + _SEGMENT_ROWS)
            path = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
            try:
                with whole_file(path) as file:
                    np.savez(
                        file,
                        keys=keys[part],
                        tokens=np.ascontiguousarray(tokens[part], "<i8"),
                        vectors=np.ascontiguousarray(vectors[part], "<f4"),
                    )
            except OSError as error:
                raise _unwritable(self._folder, error) from error
            self._segments[path] = keys[part]
            self._verified.add(path)

    def read(self, keys: KeyArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield (indices into `keys`, (m, dim) float32 vectors), a piece a segment.

        Raises:
            VanishedError: If a vector is not there (any more).
        """
        return self._gather(keys, "vectors")

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
        for indices, tokens in self._gather(keys, "tokens"):
            out[indices] = tokens
        return out

    def compact(self) -> None:
        """Join small segments, as slow encoding leaves them, into large ones."""
        small = [path for path, keys in self._listed().items() if len(keys) < _SMALL_ROWS]
        if len(small) < _COMPACT_AT:
            return
        joined: list[Path] = []
        for path in small:
            joined.append(path)
            n_rows = sum(len(self._segments[one]) for one in joined)
            if path is not small[-1] and n_rows < _SEGMENT_ROWS - _SMALL_ROWS:
                continue
            parts = [arrays for one in joined if (arrays := self._read(one, _whole)) is not None]
            if parts and len({vectors.shape[1] for _, vectors, _ in parts}) == 1:
                keys, vectors, tokens = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
                self.add(keys, vectors, tokens)
                for one in joined:
                    _delete(one)
            joined = []

    def _gather(self, keys: KeyArray, array: str) -> Iterator[tuple[IntArray, Any]]:
        """Yield (indices into `keys`, rows of an array) for each segment that is needed."""
        holders, numbers, rows = self._find(keys)
        if (numbers < 0).any():
            raise VanishedError
        order = np.lexsort((rows, numbers)).astype(np.int64)
        edges = np.flatnonzero(np.diff(numbers[order], prepend=-1, append=-1))
        for start, stop in pairwise(edges.tolist()):
            indices = order[start:stop]
            path = holders[numbers[indices[0]]]
            found = self._read(path, lambda archive: _array(archive, array))
            if found is None:
                raise VanishedError
            with contextlib.suppress(OSError):
                os.utime(path)
            wanted = rows[indices]
            whole = len(wanted) == len(found) and bool((wanted == np.arange(len(wanted))).all())
            yield indices, found if whole else found[wanted]

    def _listed(self) -> dict[Path, KeyArray]:
        """Return the keys of each segment that is there now, whoever wrote it."""
        found: dict[Path, KeyArray] = {}
        for path in sorted(set(self._folder.glob(f"*{_SUFFIX}")) - self._spoilt):
            keys = self._segments.get(path)
            if keys is None:
                keys = self._read(path, lambda archive: _array(archive, "keys"))
            if keys is not None:
                found[path] = keys
        self._segments = found
        return found

    def _find(self, keys: KeyArray) -> tuple[list[Path], IntArray, IntArray]:
        """Return the segments, and for each key the number of its segment (-1: in none) and its row there."""
        segments = self._listed()
        paths, sizes = list(segments), np.array([len(held) for held in segments.values()], dtype=np.int64)
        if not sizes.sum():
            return paths, np.full(len(keys), -1, np.int64), np.zeros(len(keys), np.int64)
        held = np.concatenate(list(segments.values()))
        order = np.argsort(held, kind="stable")
        at = order[np.minimum(np.searchsorted(held, keys, sorter=order), len(held) - 1)]
        starts = np.cumsum(sizes) - sizes
        numbers = np.searchsorted(starts + sizes, at, side="right").astype(np.int64)
        return paths, np.where(held[at] == keys, numbers, -1), at - starts[numbers]

    def _read(self, path: Path, take: Any) -> Any:
        """Return what `take` reads of a segment; None if the segment is gone, or damaged: then it is deleted."""
        try:
            with zipfile.ZipFile(path) as archive:
                return take(archive)
        except FileNotFoundError:
            pass
        except _DAMAGE as error:
            logger.warning("vectors are computed again, %s is damaged: %s", path, error)
            _delete(path)
            self._spoilt.add(path)  # it may lie where nothing can be deleted
            self.damaged += 1
        return None


@dataclass(frozen=True)
class StoredVectors:
    """Vectors of n texts, on a shelf.

    Attributes:
        shelf: Where they lie.
        keys: (n,) hashes of the texts; equal texts share one.
        n_tokens: (n,) int64 tokens before any cut.
        dimensions: Width of a vector.
        texts_encoded, tokens_encoded: What was not on the shelf; tokens as the model saw them.
        seconds: Time spent encoding.
        damaged: Damaged segments that were found and encoded again.
    """

    shelf: Shelf
    keys: KeyArray
    n_tokens: IntArray
    dimensions: int
    texts_encoded: int
    tokens_encoded: int
    seconds: float
    damaged: int

    def chunks(self) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield (positions, (m, dim) vectors) of all texts, in the order that the disk likes."""
        return self.shelf.read(self.keys)

    def matrix(self) -> FloatArray:
        """Return (n, dimensions) float32, all in memory."""
        return self.shelf.vectors(self.keys, self.dimensions)


def store_vectors(
    encoder: Encoder, texts: Sequence[str], role: Role, cache: DiskVectors, should_stop: ShouldStop
) -> Generator[RunProgress, None, StoredVectors]:
    """Encode what the cache lacks, telling the progress; returns where the vectors lie.

    Raises:
        StoppedError: If `should_stop` says so between two portions.
        UnwritableError: If the cache cannot be written.
        DataError: If the model gives no finite numbers, or another program keeps deleting what is written.
    """
    info, shelf, keys = encoder.info, cache.shelf(encoder.info.fingerprint, role), text_keys(texts)
    totals = np.zeros(3)
    for _ in range(_TRIES):
        totals += yield from _encode_missing(encoder, texts, role, shelf, keys, should_stop)
        try:
            shelf.compact()
            n_tokens = shelf.tokens(keys)
        except VanishedError:
            continue
        n_texts, n_seen, seconds = totals.tolist()
        return StoredVectors(shelf, keys, n_tokens, info.dimensions, int(n_texts), int(n_seen), seconds, shelf.damaged)
    raise DataError("cache_vanished")


def _encode_missing(
    encoder: Encoder, texts: Sequence[str], role: Role, shelf: Shelf, keys: KeyArray, should_stop: ShouldStop
) -> Generator[RunProgress, None, DoubleArray]:
    """Encode in portions; returns (texts, tokens seen, seconds)."""
    first = np.sort(np.unique(keys, return_index=True)[1])  # texts of one length stay in the corpus' order
    missing = first[shelf.missing(keys[first])]
    lengths = np.array([len(texts[i]) for i in missing], dtype=np.int64)
    missing, lengths = missing[np.argsort(-lengths, kind="stable")], np.sort(lengths)[::-1]
    meter = SpeedMeter(_PHASES[role], len(first), int(lengths.sum() + len(lengths)), len(first) - len(missing))
    yield meter.step(0, 0)
    totals = np.zeros(3)
    size, at = _FIRST_PORTION, 0
    while at < len(missing):
        if should_stop():
            raise StoppedError
        portion = missing[at : at + size]
        start = time.perf_counter()
        encoded = encoder.encode([texts[i] for i in portion], role)
        seconds = time.perf_counter() - start
        if not np.isfinite(encoded.vectors).all():
            raise DataError("vectors_not_finite", name=encoder.info.id)
        shelf.add(keys[portion], encoded.vectors, encoded.n_tokens)
        totals += (len(portion), int(encoded.tokens_used.sum()), seconds)
        yield meter.step(len(portion), int(lengths[at : at + size].sum() + len(portion)))
        at += len(portion)
        size = int(np.clip(len(portion) * _PORTION_S / max(seconds, 1e-3), _FIRST_PORTION, _LARGEST_PORTION))
    return totals


def _array(archive: zipfile.ZipFile, name: str) -> Any:
    """Read one array; its checksum is compared before a byte of it is understood."""
    raw = archive.read(f"{name}.npy")
    head = io.BytesIO(raw)
    np.lib.format.read_magic(head)
    shape, _, dtype = np.lib.format.read_array_header_1_0(head)
    return np.frombuffer(raw, dtype, offset=head.tell()).reshape(shape)


def _whole(archive: zipfile.ZipFile) -> tuple[Any, Any, Any]:
    return _array(archive, "keys"), _array(archive, "vectors"), _array(archive, "tokens")


def _checked(archive: zipfile.ZipFile) -> bool:
    """Compare every checksum.

    Raises:
        BadZipFile: If one is wrong, or an array is not listed.
    """
    damaged = archive.testzip() or ", ".join(_ARRAYS - set(archive.namelist()))
    if damaged:
        raise zipfile.BadZipFile(damaged)
    return True


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _unwritable(folder: Path, error: OSError) -> UnwritableError:
    logger.warning("vector cache %s: %s", folder, error)  # a visitor is told the reason, not the place
    return UnwritableError("cache_not_writable", reason=error.strerror or type(error).__name__)

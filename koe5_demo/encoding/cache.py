"""Vectors of texts already seen: a cache is itself an `Encoder`, so nothing above it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from mmap import mmap
from threading import Lock
from typing import Final

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.prompts import checked_role, require_list
from koe5_demo.records import (
    Encoded,
    Encoder,
    FloatArray,
    IntArray,
    ModelInfo,
    Notice,
    OnProgress,
    Role,
    RoleTexts,
    TokenEncoder,
    TokenVectors,
    encode_both,
)

BLOCK_BYTES: Final = 1_000_000


@dataclass(frozen=True)
class _Entry:
    vector: FloatArray
    n_tokens: int


@dataclass(frozen=True)
class _Known:
    """What the cache holds of some texts: by key what was found, and the texts that were not, each once."""

    role: Role
    keys: Sequence[bytes]
    found: dict[bytes, _Entry]
    missing: Mapping[bytes, str]

    @property
    def to_compute(self) -> RoleTexts:
        return list(self.missing.values()), self.role


class VectorCache:
    """Vectors by (model fingerprint, role, text), least recently used out first. Safe with threads.

    Texts are kept as hashes only: the cache holds no word of any visitor.

    Args:
        max_bytes: Memory for the vectors; a vector that alone is larger is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._unused: dict[int, list[FloatArray]] = {}  # rows of the newest block, by width
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def n_bytes(self) -> int:
        """Return the bytes in use by vectors."""
        return self._bytes

    def get(self, key: bytes) -> _Entry | None:
        """Return a copy of what is kept under `key`, now the most recently used, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return _Entry(entry.vector.copy(), entry.n_tokens)

    def put(self, key: bytes, vector: FloatArray, n_tokens: int) -> None:
        """Keep a copy of one vector, and let the oldest go when memory is full."""
        if vector.nbytes > self._max_bytes:
            return
        with self._lock:
            if key not in self._entries:
                kept = self._make_room(vector)
                np.copyto(kept, vector)  # a copy: a row would keep the whole batch it was cut from alive
                self._entries[key] = _Entry(kept, n_tokens)
                self._bytes += vector.nbytes

    def _make_room(self, vector: FloatArray) -> FloatArray:
        """Let the oldest go until one more vector fits; return the memory of one of them, or of a block of its own.

        Ten thousand vectors on the heap would lie scattered among the network's large tensors, and none of the gaps
        between them could be given back.
        """
        freed: FloatArray | None = None
        while self._bytes + vector.nbytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= oldest.vector.nbytes
            freed = oldest.vector
        if freed is not None and freed.shape == vector.shape:
            return freed
        unused = self._unused.setdefault(len(vector), [])
        if not unused:
            n_rows = max(1, BLOCK_BYTES // vector.nbytes)
            block = np.frombuffer(mmap(-1, n_rows * vector.nbytes), vector.dtype)
            unused.extend(block.reshape(n_rows, -1))  # a block goes when none of its rows is left
        return unused.pop()


class CachingEncoder:
    """An `Encoder` that asks another one only for texts that the cache does not hold, each once.

    Args:
        inner: The encoder that computes.
        cache: Where vectors are kept; several encoders may share one.
        notices: What else is to be told beside every result.
    """

    def __init__(self, inner: Encoder, cache: VectorCache, notices: Sequence[Notice] = ()) -> None:
        self._inner = inner
        self._cache = cache
        self._info = replace(inner.info, notices=(*inner.info.notices, *notices))

    @property
    def info(self) -> ModelInfo:
        """Return what the inner encoder is."""
        return self._info

    @property
    def inner(self) -> Encoder:
        """Return the encoder that computes."""
        return self._inner

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode texts; `n_computed` of the result says how many the inner encoder had to compute."""
        return self._computed(self._look_up(texts, role), on_progress)

    def encode_both(
        self, queries: RoleTexts, passages: RoleTexts, *, on_progress: OnProgress | None = None
    ) -> tuple[Encoded, Encoded]:
        """Do the same for queries and passages together; see `koe5_demo.records.PairEncoder`."""
        known = self._look_up(*queries), self._look_up(*passages)
        if not all(part.missing for part in known):
            return self._computed(known[0], None), self._computed(known[1], on_progress)
        fresh = encode_both(self._inner, known[0].to_compute, known[1].to_compute, on_progress=on_progress)
        return self._complete(known[0], fresh[0]), self._complete(known[1], fresh[1])

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Count through the inner encoder: cheaper than a look-up would be."""
        return self._inner.count_tokens(texts, role)

    def encode_tokens(self, text: str, role: Role) -> TokenVectors:
        """Take a vector apart through the inner encoder; token vectors are not kept.

        Raises:
            InputError: If the inner encoder cannot take its vectors apart.
        """
        if not isinstance(self._inner, TokenEncoder):
            raise InputError("explain_unsupported", name=self.info.id)
        return self._inner.encode_tokens(text, role)

    def _look_up(self, texts: Sequence[str], role: Role) -> _Known:
        require_list(texts)
        role = checked_role(role)
        keys = [self._key(text, role) for text in texts]
        found = {key: entry for key in set(keys) if (entry := self._cache.get(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        return _Known(role, keys, found, missing)

    def _computed(self, known: _Known, on_progress: OnProgress | None) -> Encoded:
        fresh = self._inner.encode(*known.to_compute, on_progress=on_progress) if known.missing else None
        return self._complete(known, fresh)

    def _complete(self, known: _Known, fresh: Encoded | None) -> Encoded:
        found = known.found
        if fresh is not None:
            for key, vector, n_tokens in zip(known.missing, fresh.vectors, fresh.n_tokens, strict=True):
                found[key] = _Entry(vector, int(n_tokens))
                self._cache.put(key, vector, int(n_tokens))
        vectors = np.empty((len(known.keys), self.info.dimensions), dtype=np.float32)
        for row, key in enumerate(known.keys):
            vectors[row] = found[key].vector
        n_tokens_all = np.array([found[key].n_tokens for key in known.keys], dtype=np.int64)
        return Encoded(vectors, n_tokens_all, self.info.max_tokens, n_computed=len(known.missing))

    def _key(self, text: str, role: Role) -> bytes:
        head = f"{self.info.fingerprint}\0{role.value}\0".encode()
        return blake2b(head + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

"""Frozen records and protocols that the other modules share. No torch, no gradio, no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import blake2b
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from koe5_demo.words import Language, message

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OnProgress = Callable[[int, int], None]
"""Called with (done, total) in tokens or bytes or texts, whichever the caller documents."""


UNKNOWN_LIMIT: Final = 1_000_000
"""The `max_tokens` of a model whose limit nobody stated: no text is as long. Shown as unknown, never as a number."""
ENDPOINT_ENGINE: Final = "endpoint"


class Role(str, Enum):
    """What a text is to the model: it decides the prompt."""

    QUERY = "query"
    PASSAGE = "passage"
    NONE = "none"


@dataclass(frozen=True)
class Prompts:
    """Prefixes that a model was trained with; an empty string means none."""

    query: str = ""
    passage: str = ""

    def of(self, role: Role) -> str:
        """Return the prefix of a role, empty for `Role.NONE`."""
        return {Role.QUERY: self.query, Role.PASSAGE: self.passage, Role.NONE: ""}[role]


@dataclass(frozen=True)
class ModelInfo:
    """What made a number: shown beside every result.

    Attributes:
        id: Catalog id, or the hub id or folder name of a model outside the catalog.
        hub_id: Hub id; None for a folder and for the embedded model.
        revision: Full commit on the hub; for a folder the first 12 digits of its content hash.
        engine: Name of the code that computed the vectors.
        dtype: Arithmetic of the dense layers: float32, bfloat16, ...
        device: cpu, cuda:0, mps, or the address of a server.
        dimensions: Width of a vector.
        max_tokens: Longest input, prefix and special tokens included; UNKNOWN_LIMIT where nobody stated one.
        prompts: Prefixes that the encoder adds.
        fingerprint: Changes whenever the vectors could: key of caches and calibrations.
        note: What else a reader should know, in English; empty if nothing.
        notices: Why this engine or dtype runs when it is not the one asked for.
    """

    id: str
    hub_id: str | None
    revision: str
    engine: str
    dtype: str
    device: str
    dimensions: int
    max_tokens: int
    prompts: Prompts
    fingerprint: str
    note: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def known_limit(self) -> int | None:
        """Return `max_tokens`, or None where nobody stated a limit."""
        return self.max_tokens if self.max_tokens < UNKNOWN_LIMIT else None

    @property
    def can_explain(self) -> bool:
        """Return whether a score can be taken apart into words: a server gives whole vectors only."""
        return self.engine != ENDPOINT_ENGINE

    def with_fingerprint(self, content: str) -> ModelInfo:
        """Return this with the fingerprint of the model's content and of all that bears on its vectors."""
        parts = (content, self.engine, self.dtype, str(self.max_tokens), self.prompts.query, self.prompts.passage)
        return replace(self, fingerprint=blake2b("\0".join(parts).encode(), digest_size=16).hexdigest())

    def remarks(self, language: Language) -> str:
        """Return the note and the notices as one text; empty if there is nothing to tell."""
        return " ".join(part for part in (self.note, *(notice.text(language) for notice in self.notices)) if part)


@dataclass(frozen=True)
class Encoded:
    """Vectors of n texts, in input order.

    Attributes:
        vectors: (n, dimensions) float32, rows of length 1.
        n_tokens: (n,) int64, what each text has with prefix and special tokens, before any cut.
        max_tokens: The limit at which texts were cut.
        n_computed: How many texts went through the model for this; None means all (no cache was asked).
    """

    vectors: FloatArray
    n_tokens: IntArray
    max_tokens: int
    n_computed: int | None = None

    @property
    def tokens_used(self) -> IntArray:
        """(n,) int64, what the model saw."""
        return np.minimum(self.n_tokens, self.max_tokens)

    @property
    def truncated(self) -> npt.NDArray[np.bool_]:
        """(n,) bool, whether the end of a text was lost."""
        return self.n_tokens > self.max_tokens

    def parted(self, n: int) -> tuple[Encoded, Encoded]:
        """Return the first `n` texts and the others: of what was encoded together."""
        first = replace(self, vectors=self.vectors[:n], n_tokens=self.n_tokens[:n])
        return first, replace(self, vectors=self.vectors[n:], n_tokens=self.n_tokens[n:])

    def without_vectors(self) -> Encoded:
        """Return the counts alone: what is kept for a visitor once the scores are known."""
        return replace(self, vectors=np.empty((len(self.n_tokens), 0), dtype=np.float32))


RoleTexts = tuple[Sequence[str], Role]
"""Bare texts, and the role that they are encoded in."""


class Encoder(Protocol):
    """Text to unit vectors: all that ranking and the benchmark know of a model."""

    @property
    def info(self) -> ModelInfo:
        """What computes the vectors, as results and exports name it."""

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; the encoder adds its model's prompt of `role` exactly once.

        Args:
            texts: Any number of texts, none needs to be unique. No text at all gives (0, dimensions).
            role: Which prompt to add.
            on_progress: Called with (tokens or texts done, all).
        """

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) int64 token counts with prompt and special tokens, uncut, without encoding."""


@runtime_checkable
class PairEncoder(Protocol):
    """An encoder that takes queries and passages together: one pass, one request, one loan of a GPU for both."""

    def encode_both(
        self, queries: RoleTexts, passages: RoleTexts, *, on_progress: OnProgress | None = None
    ) -> tuple[Encoded, Encoded]:
        """Return what `encode` gives for either; `on_progress` counts both."""


def encode_both(
    encoder: Encoder, queries: RoleTexts, passages: RoleTexts, *, on_progress: OnProgress | None = None
) -> tuple[Encoded, Encoded]:
    """Encode queries and passages, together where the encoder can, else one after the other."""
    if isinstance(encoder, PairEncoder):
        return encoder.encode_both(queries, passages, on_progress=on_progress)
    return encoder.encode(*queries), encoder.encode(*passages, on_progress=on_progress)


@dataclass(frozen=True)
class Hit:
    """One passage in a ranking.

    Attributes:
        rank: Counted from 1.
        index: Position in the passages as given, counted from 0.
        score: Cosine similarity in [-1, 1].
        tokens: Tokens the model saw.
        truncated: Whether the passage's end was lost.
        passage: The text as given.
    """

    rank: int
    index: int
    score: float
    tokens: int
    truncated: bool
    passage: str


@dataclass(frozen=True)
class Notice:
    """Something the visitor should know about what was read or computed."""

    key: str
    values: dict[str, object] = field(default_factory=dict)

    def text(self, language: Language) -> str:
        """Return the notice in `language`."""
        return message(self.key, language, **self.values)


@dataclass(frozen=True, eq=False)
class TokenVectors:
    """What the vector of one text is made of.

    Attributes:
        sent: The text as the model got it, prompt included.
        n_prompt_chars: How many characters at its start are the prompt.
        n_seen_chars: How many characters at its start the model read; the rest was cut off.
        spans: (t, 2) int64, characters of `sent` that a row stands for, half open; (-1, -1) for special tokens.
        vectors: (t, dimensions) float32, at least one row.
        exact: Whether the rows' sum, at length 1, is the vector of the text.
    """

    sent: str
    n_prompt_chars: int
    n_seen_chars: int
    spans: IntArray
    vectors: FloatArray
    exact: bool


@runtime_checkable
class TokenEncoder(Protocol):
    """An encoder that can tell what a vector is made of."""

    def encode_tokens(self, text: str, role: Role) -> TokenVectors:
        """Take the vector of one bare text apart.

        Raises:
            InputError: If this model's vectors cannot be taken apart.
        """

"""Token ids of texts as a model gets them, and how many there were before the cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import numpy as np

from koe5_demo.records import IntArray

FRAME_PROBE: Final = "a"
SPECIAL_SPAN: Final = (-1, -1)


@dataclass(frozen=True)
class TokenizedTexts:
    """Tokens of n texts.

    Attributes:
        ids: Token ids with special tokens, cut to the model's limit.
        n_tokens: (n,) int64, before the cut.
    """

    ids: list[list[int]]
    n_tokens: IntArray

    @property
    def lengths(self) -> IntArray:
        """(n,) int64, tokens of each text after the cut."""
        return np.fromiter((len(ids) for ids in self.ids), dtype=np.int64, count=len(self.ids))


@dataclass(frozen=True, eq=False)
class LocatedTokens:
    """Tokens of one text and where they stand in it.

    Attributes:
        ids: Token ids with special tokens, cut to the model's limit.
        spans: (t, 2) int64, characters of the text, half open; (-1, -1) for special tokens.
        n_seen_chars: Characters at the start of the text that the cut leaves.
    """

    ids: list[int]
    spans: IntArray
    n_seen_chars: int


class TextTokenizer:
    """A fast tokenizer, asked for uncut ids only; the cut is made here, so that its length is known.

    Safe with threads: the settings of a fast tokenizer are one object for all its users, hence the lock.

    Args:
        tokenizer: A `tokenizers.Tokenizer`, or the fast tokenizer of transformers around one.
        max_tokens: Longest input, special tokens included.
    """

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self._backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
        self._max_tokens = max_tokens
        self._lock = Lock()
        self._n_closing = self._count_closing()

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Tokenize texts that already carry their prompts."""
        ids = self._uncut(list(texts))
        n_tokens = np.fromiter((len(text) for text in ids), dtype=np.int64, count=len(ids))
        return TokenizedTexts([self._cut(text) for text in ids], n_tokens)

    def count(self, texts: Sequence[str]) -> IntArray:
        """Return (n,) int64 uncut token counts."""
        return np.fromiter((len(ids) for ids in self._uncut(list(texts))), dtype=np.int64, count=len(texts))

    def locate(self, text: str) -> LocatedTokens:
        """Tokenize one text that carries its prompt, telling where each token stands."""
        with self._lock:
            self._backend.no_truncation()
            self._backend.no_padding()
            encoding = self._backend.encode(text)
        kept = self._cut(list(range(len(encoding.ids))))
        spans = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)[kept]
        # A word that somebody writes like a special token (</s>) is in the text: it has a place there.
        special = np.array(encoding.special_tokens_mask, dtype=bool)[kept] & (spans[:, 0] == spans[:, 1])
        n_seen = len(text) if len(kept) == len(encoding.ids) else int(spans[~special, 1].max(initial=0))
        located = np.where(special[:, None], np.array(SPECIAL_SPAN), spans)
        return LocatedTokens([encoding.ids[place] for place in kept], located, n_seen)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the pieces of text that ids stand for, as the vocabulary writes them."""
        return [self._backend.id_to_token(token) for token in ids]

    def _uncut(self, texts: list[str]) -> list[list[int]]:
        with self._lock:
            # sentence-transformers sets both on every call of its own.
            self._backend.no_truncation()
            self._backend.no_padding()
            return [encoding.ids for encoding in self._backend.encode_batch_fast(texts)]

    def _cut(self, ids: list[int]) -> list[int]:
        if len(ids) <= self._max_tokens:
            return ids
        return ids[: self._max_tokens - self._n_closing] + ids[len(ids) - self._n_closing :]

    def _count_closing(self) -> int:
        """Return how many special tokens end a text: they survive the cut."""
        framed, bare = (self._backend.encode(FRAME_PROBE, add_special_tokens=special).ids for special in (True, False))
        opening = next((n for n in range(len(framed)) if framed[n : n + len(bare)] == bare), 0)
        return len(framed) - opening - len(bare)

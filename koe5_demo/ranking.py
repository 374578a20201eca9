"""Ranking and similarity over any `Encoder`. Knows nothing of models, files or pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.records import Encoded, Encoder, FloatArray, Hit, OnProgress, Role


@dataclass(frozen=True)
class Comparison:
    """Every query against every passage.

    Attributes:
        queries, passages: The texts as given.
        scores: (n_queries, n_passages) float32 cosines in [-1, 1].
        query_encoded, passage_encoded: Vectors and token counts behind the scores.
        places: Where each passage stood in its file, from 0, if blank rows of it were left out; else None.
    """

    queries: tuple[str, ...]
    passages: tuple[str, ...]
    scores: FloatArray
    query_encoded: Encoded
    passage_encoded: Encoded
    places: tuple[int, ...] | None = None

    def place(self, index: int) -> int:
        """Return where passage number `index` stood among all that were given, from 0."""
        return index if self.places is None else self.places[index]

    def hits(self, query: int, top_k: int | None = None) -> list[Hit]:
        """Return the ranking of query number `query` (from 0), best first; equal scores keep the passages' order."""
        scores = self.scores[query]
        order = np.argsort(-scores, kind="stable")[:top_k]
        used = self.passage_encoded.tokens_used
        cut = self.passage_encoded.truncated
        return [
            Hit(
                rank=place,
                index=int(index),
                score=float(scores[index]),
                tokens=int(used[index]),
                truncated=bool(cut[index]),
                passage=self.passages[index],
            )
            for place, index in enumerate(order, start=1)
        ]


def compare(
    queries: Sequence[str], passages: Sequence[str], encoder: Encoder, *, on_progress: OnProgress | None = None
) -> Comparison:
    """Score every query against every passage.

    Texts are given bare: the encoder adds its model's prompts.

    Args:
        queries: At least one, none blank.
        passages: At least one, none blank.
        encoder: Source of unit-length rows, (n, dim) float32.
        on_progress: Called with (done, total) while the passages are encoded.

    Raises:
        InputError: If there is no query or no passage, or one is blank.
    """
    require_texts(queries, "no_query")
    require_texts(passages, "no_passage")
    query_encoded = encoder.encode(queries, Role.QUERY)
    passage_encoded = encoder.encode(passages, Role.PASSAGE, on_progress=on_progress)
    return Comparison(
        queries=tuple(queries),
        passages=tuple(passages),
        scores=cosines(query_encoded.vectors, passage_encoded.vectors),
        query_encoded=query_encoded,
        passage_encoded=passage_encoded,
    )


def rank(query: str, passages: Sequence[str], encoder: Encoder, *, top_k: int | None = None) -> list[Hit]:
    """Order passages by cosine similarity to the query, best first.

    Texts are given bare: the encoder adds its model's prompts. Equal scores keep the order of `passages`.

    Args:
        query: One question or phrase, not blank.
        passages: At least one passage, none blank.
        encoder: Source of unit-length rows, (n, dim) float32.
        top_k: How many hits to return; all when None.

    Returns:
        Hits, rank counted from 1, score in [-1, 1].

    Raises:
        InputError: If the query or a passage is blank, there is no passage, or top_k < 1.
    """
    require_top_k(top_k)
    return compare([query], passages, encoder).hits(0, top_k)


def similarity(texts: Sequence[str], encoder: Encoder, *, role: Role = Role.NONE) -> FloatArray:
    """Return the (n, n) float32 matrix of cosines in [-1, 1] between all texts, encoded with the prompt of `role`.

    Raises:
        InputError: If there is no text or one is blank.
    """
    require_texts(texts, "no_text")
    vectors = encoder.encode(texts, role).vectors
    return cosines(vectors, vectors)


def cosines(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return (n, m) float32 dot products of unit rows, held to [-1, 1] against rounding."""
    product: FloatArray = np.clip(left @ right.T, -1.0, 1.0).astype(np.float32, copy=False)
    return product


def require_top_k(top_k: int | None) -> None:
    """Refuse a top_k below 1.

    Raises:
        InputError: If top_k < 1.
    """
    if top_k is not None and top_k < 1:
        raise InputError("bad_top_k", value=top_k)


def require_texts(texts: Sequence[str], empty_key: str) -> None:
    """Refuse an empty list and blank texts.

    Args:
        texts: Any.
        empty_key: Name of the message for no text at all.

    Raises:
        InputError: If there is no text or one is blank.
    """
    if not texts:
        raise InputError(empty_key)
    for n, text in enumerate(texts, start=1):
        if not text.strip():
            raise InputError("blank_text", n=n) if len(texts) > 1 else InputError(empty_key)

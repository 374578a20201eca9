"""Scores and ranks over any `Encoder`. Knows nothing of models, files or pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.prompts import checked_role, holds_only_prompt, require_list
from koe5_demo.records import Encoded, Encoder, FloatArray, Hit, IntArray, OnProgress, Prompts, Role, encode_both

SAME_SCORE: Final = 1e-6
"""Scores that differ by less share a rank: the same text in another batch moves a float32 cosine by about 1e-7."""


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
        """Return the ranking of query number `query` (from 0), best first.

        Equal scores share a rank ("1, 2, 2, 4") and keep the passages' order.
        """
        scores = self.scores[query]
        order, places = ranking_of(scores)
        used, cut = self.passage_encoded.tokens_used, self.passage_encoded.truncated
        return [
            Hit(
                rank=int(places[index]),
                index=int(index),
                score=float(scores[index]),
                tokens=int(used[index]),
                truncated=bool(cut[index]),
                passage=self.passages[index],
            )
            for index in order[:top_k]
        ]


def compare(
    queries: Sequence[str],
    passages: Sequence[str],
    encoder: Encoder,
    *,
    with_prompts: bool = True,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Score every query against every passage.

    Texts are given bare: the encoder adds its model's prompts.

    Args:
        queries: At least one, none blank.
        passages: At least one, none blank.
        encoder: Source of unit-length rows, (n, dim) float32.
        with_prompts: False leaves the model's prompts out, to see what they do.
        on_progress: Called with (done, total) while texts are encoded.

    Raises:
        InputError: If there is no query or no passage, one is blank, or a string stands where a list belongs.
    """
    require_texts(queries, "no_query", encoder.info.prompts)
    require_texts(passages, "no_passage", encoder.info.prompts)
    roles = (Role.QUERY, Role.PASSAGE) if with_prompts else (Role.NONE, Role.NONE)
    query_encoded, passage_encoded = encode_both(
        encoder, (queries, roles[0]), (passages, roles[1]), on_progress=on_progress
    )
    return Comparison(
        queries=tuple(queries),
        passages=tuple(passages),
        scores=cosines(query_encoded.vectors, passage_encoded.vectors),
        query_encoded=query_encoded,
        passage_encoded=passage_encoded,
    )


def rank(query: str, passages: Sequence[str], encoder: Encoder, *, top_k: int | None = None) -> list[Hit]:
    """Order passages by cosine similarity to the query, best first.

    Texts are given bare: the encoder adds its model's prompts. Equal scores share a rank and keep the order of
    `passages`.

    Args:
        query: One question or phrase, not blank.
        passages: At least one passage, none blank.
        encoder: Source of unit-length rows, (n, dim) float32.
        top_k: How many hits to return; all when None.

    Returns:
        Hits, rank counted from 1, score in [-1, 1].

    Raises:
        InputError: If the query or a passage is blank, there is no passage, `passages` is one string, or top_k < 1.
    """
    most = checked_top_k(top_k)
    return compare([query], passages, encoder).hits(0, most)


def similarity(texts: Sequence[str], encoder: Encoder, *, role: Role | str = Role.NONE) -> FloatArray:
    """Return the (n, n) float32 matrix of cosines in [-1, 1] between all texts, encoded with the prompt of `role`.

    Args:
        texts: At least one, none blank.
        encoder: Source of unit rows.
        role: "query", "passage" or "none".

    Raises:
        InputError: If there is no text, one is blank, `texts` is one string, or there is no such role.
    """
    require_texts(texts, "no_text", encoder.info.prompts)
    vectors = encoder.encode(texts, checked_role(role)).vectors
    return cosines(vectors, vectors)


def cosines(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return (n, m) float32 dot products of unit rows, held to [-1, 1] against rounding."""
    product: FloatArray = np.clip(left @ right.T, -1.0, 1.0).astype(np.float32, copy=False)
    return product


def ranking_of(scores: FloatArray) -> tuple[IntArray, IntArray]:
    """Return positions best first and the rank of each position, both (n,) int64.

    Equal scores keep their order and share the rank of the first of them, so that four scores 0.9, 0.5, 0.5, 0.1 have
    the ranks 1, 2, 2, 4.
    """
    order = np.argsort(-scores, kind="stable")
    ranks = np.empty(len(scores), dtype=np.int64)
    shared, first = 0, math.inf
    for place, index in enumerate(order.tolist(), start=1):
        if first - float(scores[index]) >= SAME_SCORE:
            shared, first = place, float(scores[index])
        ranks[index] = shared
    return order, ranks


def checked_top_k(top_k: Any) -> int | None:
    """Return a top_k as a whole number; 1.0, as JSON of other languages writes 1, is one.

    Raises:
        InputError: If it is below 1 or no whole number.
    """
    if top_k is None:
        return None
    whole = isinstance(top_k, int) and not isinstance(top_k, bool)
    if isinstance(top_k, float) and top_k.is_integer():
        whole, top_k = True, int(top_k)
    if not whole or top_k < 1:
        raise InputError("bad_top_k", value=top_k if isinstance(top_k, int | float) else type(top_k).__name__)
    return int(top_k)


def require_texts(texts: Sequence[str], empty_key: str, prompts: Prompts) -> None:
    """Refuse what is no list of texts: an empty one, texts that are blank or nothing but a prompt, and one string.

    Args:
        texts: Any.
        empty_key: Name of the message for no text at all.
        prompts: Those of the model that is to read them.

    Raises:
        InputError: If there is no text, one is blank or no string, or `texts` itself is a string.
    """
    require_list(texts)
    if not texts:
        raise InputError(empty_key)
    for n, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise InputError("bad_texts", kind=f"{type(texts).__name__} of {type(text).__name__}")
        if holds_only_prompt(text, prompts):
            raise InputError("blank_text", n=n) if len(texts) > 1 else InputError(empty_key)

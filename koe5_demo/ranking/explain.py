"""Why two texts have their score: what each word of one gives with each word of the other.

The vector of a mean-pooled text is U / |U| with U the sum of its token vectors, so that the cosine is a plain sum

    cos = sum over tokens i of the query and j of the passage of (u_i . v_j) / (|U| |V|)

and stays one when tokens are joined to words, and prompts and special tokens to units of their own. Nothing is left
over and nothing is estimated. Where a model pools otherwise there is no such sum; then cosines between words are shown
and called what they are. Knows arrays and texts only: no model, no page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.records import DoubleArray, Encoder, IntArray, Role, TokenEncoder, TokenVectors

_WORD: Final = re.compile(r"\S+")
_EPSILON: Final = 1e-12


class UnitKind(str, Enum):
    """What a row or column of an explanation stands for."""

    WORD = "word"
    PROMPT = "prompt"
    SPECIAL = "special"
    REST = "rest"


@dataclass(frozen=True)
class Unit:
    """A part of a text that is shown as one.

    Attributes:
        kind: Word (a blank-separated eojeol), prompt, special tokens, or the rest of a shortened explanation.
        text: As written; empty for special tokens and the rest.
        start, end: Characters in the text as sent, half open; (0, 0) for special tokens and the rest.
        n_tokens: Tokens that it has; 0 for a word that the model did not see.
        cut: Whether the model did not see it because the text was too long.
        n_words: How many words a rest stands for, 1 otherwise.
    """

    kind: UnitKind
    text: str
    start: int
    end: int
    n_tokens: int
    cut: bool = False
    n_words: int = 1


@dataclass(frozen=True, eq=False)
class Explanation:
    """Units of a query against units of a passage.

    Attributes:
        query_units, passage_units: Words in text order, then the prompt and the special tokens where there are any.
        matrix: (n_query_units, n_passage_units) float64. Exact: what each pair of units adds to the score. Otherwise:
            the cosine of two words, in [-1, 1].
        exact: Whether the matrix adds up to the score.
    """

    query_units: tuple[Unit, ...]
    passage_units: tuple[Unit, ...]
    matrix: DoubleArray
    exact: bool

    @property
    def score(self) -> float | None:
        """The sum of the matrix, which is the cosine of the two texts; None where it is no such sum."""
        return float(self.matrix.sum()) if self.exact else None

    @property
    def query_values(self) -> DoubleArray:
        """(n_query_units,) what each unit adds to the score; not exact: its best cosine with a unit of the passage."""
        return self._along(1)

    @property
    def passage_values(self) -> DoubleArray:
        """(n_passage_units,) the same for the passage."""
        return self._along(0)

    def _along(self, axis: int) -> DoubleArray:
        values: DoubleArray = self.matrix.sum(axis=axis) if self.exact else _largest(self.matrix, axis)
        return values


def explain(query: str, passage: str, encoder: Encoder) -> Explanation:
    """Explain the score of a query and a passage, given bare.

    Raises:
        InputError: If a text is blank, or the model's vectors cannot be taken apart.
    """
    for text, key in ((query, "no_query"), (passage, "no_passage")):
        if not text.strip():
            raise InputError(key)
    if not isinstance(encoder, TokenEncoder):
        raise InputError("explain_unsupported", name=encoder.info.id)
    return explain_pair(encoder.encode_tokens(query, Role.QUERY), encoder.encode_tokens(passage, Role.PASSAGE))


def explain_pair(query: TokenVectors, passage: TokenVectors) -> Explanation:
    """Explain the score of two texts by their token vectors.

    If either side is not exact, cosines between words are returned, without prompts and special tokens.
    """
    exact = query.exact and passage.exact
    query_units, left = _joined(query, keep_all=exact)
    passage_units, right = _joined(passage, keep_all=exact)
    if exact:
        # In parts of the whole text's length, so that the units add up to a unit vector.
        left, right = (sums / max(float(np.linalg.norm(sums.sum(axis=0))), _EPSILON) for sums in (left, right))
        matrix = left @ right.T
    else:
        left, right = (
            sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), _EPSILON) for sums in (left, right)
        )
        matrix = np.clip(left @ right.T, -1.0, 1.0)
    return Explanation(query_units, passage_units, matrix, exact)


def strongest(explanation: Explanation, n_query_words: int, n_passage_words: int) -> Explanation:
    """Keep the words with the largest values on either side, in text order, and join the others to one rest.

    Prompts and special tokens stay. An exact explanation still adds up; in the other kind the rest has the largest
    cosine of the words in it. Words of equal value keep the one that comes first.

    Args:
        explanation: Any.
        n_query_words, n_passage_words: How many words to keep, at least 0.
    """
    rows = _groups(explanation.query_units, explanation.query_values, n_query_words)
    columns = _groups(explanation.passage_units, explanation.passage_values, n_passage_words)
    matrix = _merged(_merged(explanation.matrix, rows, explanation.exact).T, columns, explanation.exact).T
    return replace(
        explanation,
        query_units=_merged_units(explanation.query_units, rows),
        passage_units=_merged_units(explanation.passage_units, columns),
        matrix=matrix,
    )


def _joined(tokens: TokenVectors, *, keep_all: bool) -> tuple[tuple[Unit, ...], DoubleArray]:
    """Return the units of a text and the sum of each unit's token vectors, (n_units, dimensions)."""
    words = [match.span() for match in _WORD.finditer(tokens.sent, tokens.n_prompt_chars)]
    owners = _owners(tokens, words)
    n_prompt, n_special = len(words), len(words) + 1
    counts = np.bincount(owners, minlength=n_special + 1)
    sums = np.zeros((n_special + 1, tokens.vectors.shape[1]))
    np.add.at(sums, owners, tokens.vectors)
    units = [
        Unit(UnitKind.WORD, tokens.sent[a:b], a, b, int(counts[n]), cut=a >= tokens.n_seen_chars)
        for n, (a, b) in enumerate(words)
    ]
    prompt = tokens.sent[: tokens.n_prompt_chars]
    units.append(Unit(UnitKind.PROMPT, prompt.strip(), 0, len(prompt), int(counts[n_prompt])))
    units.append(Unit(UnitKind.SPECIAL, "", 0, 0, int(counts[n_special])))
    kept = [n for n, unit in enumerate(units) if unit.kind is UnitKind.WORD or (keep_all and unit.n_tokens)]
    return tuple(units[n] for n in kept), sums[kept]


def _owners(tokens: TokenVectors, words: Sequence[tuple[int, int]]) -> IntArray:
    """Return (t,) which unit each row belongs to: a word, `len(words)` for the prompt, one more for special tokens.

    A token belongs to the word in which its first visible character lies. One that stands for a blank or for nothing
    opens the next word, as a lone word mark does; behind the last word it belongs to the last.
    """
    ends = np.array([end for _, end in words], dtype=np.int64)
    owners = np.empty(len(tokens.spans), dtype=np.int64)
    for row, (start, end) in enumerate(tokens.spans.tolist()):
        place = _first_visible(tokens.sent, start, end)
        if start < 0 or not words:
            owners[row] = len(words) + (start < 0 or place >= tokens.n_prompt_chars)
        elif place < tokens.n_prompt_chars:
            owners[row] = len(words)
        else:
            owners[row] = min(int(np.searchsorted(ends, place, side="right")), len(words) - 1)
    return owners


def _first_visible(text: str, start: int, end: int) -> int:
    """Return the place of the first character in a span that is no blank, or the span's end."""
    return next((place for place in range(max(start, 0), end) if not text[place].isspace()), end)


def _groups(units: Sequence[Unit], values: DoubleArray, n_words: int) -> list[list[int]]:
    """Return the places of units that become one, in the order shown: words, the rest, prompt, special tokens."""
    words = [n for n, unit in enumerate(units) if unit.kind is UnitKind.WORD]
    by_strength = sorted(words, key=lambda n: -abs(float(values[n])))
    kept = set(by_strength[: max(0, n_words)])
    others = [n for n in words if n not in kept]
    if len(others) == 1:
        return [[n] for n in range(len(units))]  # a rest of one word would take the place of that word
    rest = [others] if others else []
    return [[n] for n in sorted(kept)] + rest + [[n] for n in range(len(units)) if n not in set(words)]


def _merged(matrix: DoubleArray, groups: Sequence[Sequence[int]], exact: bool) -> DoubleArray:
    rows = [matrix[group].sum(axis=0) if exact else _largest(matrix[group], 0) for group in groups]
    return np.array(rows).reshape(len(groups), matrix.shape[1])


def _merged_units(units: Sequence[Unit], groups: Sequence[Sequence[int]]) -> tuple[Unit, ...]:
    merged = []
    for group in groups:
        members = [units[n] for n in group]
        if len(members) > 1:
            n_tokens, n_words = sum(unit.n_tokens for unit in members), sum(unit.n_words for unit in members)
            cut = all(unit.cut for unit in members)
            members = [Unit(UnitKind.REST, "", 0, 0, n_tokens, cut=cut, n_words=n_words)]
        merged += members
    return tuple(merged)


def _largest(matrix: DoubleArray, axis: int) -> DoubleArray:
    values: DoubleArray = matrix.max(axis=axis) if matrix.shape[axis] else np.zeros(matrix.shape[1 - axis])
    return values

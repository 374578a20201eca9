"""Long passages in overlapping windows: a passage's score is that of its best window. Off unless asked for.

A model reads a passage only up to its token limit. Windows end at the end of a sentence where one is near, else at a
blank, else inside a word. The mean over windows is not used: one sentence that answers would drown in the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.prompts import split_prompt, typed_prompt
from koe5_demo.ranking.scores import Comparison, cosines, require_texts
from koe5_demo.records import Encoded, Encoder, FloatArray, IntArray, Notice, OnProgress, Role, encode_both

DEFAULT_OVERLAP: Final = 0.2
MOST_OVERLAP: Final = 0.8
PIECE_CHARS: Final = 24
"""Longer runs without a blank may be cut inside."""
SEARCHED_FOR_SENTENCE: Final = 0.4
"""How much of a window's end may be given up so that it ends with a sentence."""
_PIECE: Final = re.compile(rf"\s*\S{{1,{PIECE_CHARS}}}")
_SENTENCE_END: Final = re.compile(r"[.!?。！？…][\"'”’)\]」』]*$")


@dataclass(frozen=True)
class Window:
    """A part of a passage that the model reads at once.

    Attributes:
        passage: Position of the passage, from 0.
        start, end: Characters of the passage, half open.
        n_tokens: With prompt and special tokens, before any cut.
    """

    passage: int
    start: int
    end: int
    n_tokens: int


@dataclass(frozen=True, eq=False)
class WindowedComparison:
    """Every query against the best window of every passage.

    Attributes:
        comparison: As `compare` returns it, for rankings and exports: the scores are those of the best windows, token
            counts are those of whole passages, and no passage counts as cut. The vector of a passage is that of the
            window that stands for it; no passage is encoded whole beside its windows.
        windows: In the order of the passages.
        best: (n_queries, n_passages) int64 positions in `windows`; of equal windows the first.
        standing: (n_passages,) int64 positions in `windows`: which one stands for its passage where no query does, on
            a map say. It is the one with the highest score under any query.
        overlap: As asked for.
    """

    comparison: Comparison
    windows: tuple[Window, ...]
    best: IntArray
    standing: IntArray
    overlap: float

    def best_window(self, query: int, passage: int) -> Window:
        """Return the window that gave a passage its score for a query; positions count from 0."""
        return self.windows[int(self.best[query, passage])]

    def notice(self) -> Notice:
        """Name the way of scoring, for every result that it bears on."""
        per_passage = np.bincount([window.passage for window in self.windows])
        split = per_passage[per_passage > 1]
        return Notice("notice_windows", {"n": len(split), "windows": int(split.sum()), "overlap": self.overlap})


def compare_windows(
    queries: Sequence[str],
    passages: Sequence[str],
    encoder: Encoder,
    *,
    overlap: float = DEFAULT_OVERLAP,
    with_prompts: bool = True,
    on_progress: OnProgress | None = None,
) -> WindowedComparison:
    """Score every query against the best window of every passage.

    Passages that fit the model are one window: their scores are those of `compare`.

    Args:
        queries: At least one, none blank; given bare.
        passages: At least one, none blank; given bare.
        encoder: Source of unit rows.
        overlap: Share of a window's characters that the next one repeats, 0 to 0.8.
        with_prompts: As for `compare`. The windows are the same without.
        on_progress: Called while queries and windows are encoded.

    Raises:
        InputError: If there is no query or passage, one is blank, or the overlap is out of range.
    """
    require_texts(queries, "no_query", encoder.info.prompts)
    require_texts(passages, "no_passage", encoder.info.prompts)
    counts = encoder.count_tokens(passages, Role.PASSAGE)
    windows = split_passages(passages, encoder, overlap=overlap, counts=counts)
    texts = [window_text(passages[window.passage], window, encoder) for window in windows]
    roles = (Role.QUERY, Role.PASSAGE) if with_prompts else (Role.NONE, Role.NONE)
    query_encoded, window_encoded = encode_both(
        encoder, (queries, roles[0]), (texts, roles[1]), on_progress=on_progress
    )
    scores = cosines(query_encoded.vectors, window_encoded.vectors)
    owners = [window.passage for window in windows]
    best = _best_windows(scores, owners, len(passages))
    standing = _best_windows(scores.max(axis=0, keepdims=True), owners, len(passages))[0]
    whole = Encoded(
        vectors=window_encoded.vectors[standing],
        n_tokens=counts,
        max_tokens=max(encoder.info.max_tokens, int(counts.max())),
        n_computed=len(windows) if window_encoded.n_computed is None else window_encoded.n_computed,
    )
    comparison = Comparison(
        queries=tuple(queries),
        passages=tuple(passages),
        scores=np.take_along_axis(scores, best, axis=1),
        query_encoded=query_encoded,
        passage_encoded=whole,
    )
    return WindowedComparison(comparison, windows, best, standing, overlap)


def split_passages(
    passages: Sequence[str], encoder: Encoder, *, overlap: float = DEFAULT_OVERLAP, counts: IntArray | None = None
) -> tuple[Window, ...]:
    """Return the windows of all passages, in their order; together they cover every visible character.

    Args:
        passages: Given bare.
        encoder: Counts tokens.
        overlap: See `compare_windows`.
        counts: (n,) tokens of the passages where they are known.

    Raises:
        InputError: If the overlap is out of range.
    """
    if not 0 <= overlap <= MOST_OVERLAP:
        raise InputError("bad_overlap", value=overlap, limit=MOST_OVERLAP)
    found: list[Window] = []
    known = encoder.count_tokens(passages, Role.PASSAGE) if counts is None else counts
    for n, (passage, n_tokens) in enumerate(zip(passages, known.tolist(), strict=True)):
        if n_tokens <= encoder.info.max_tokens:
            found.append(Window(n, 0, len(passage), n_tokens))
        else:
            found += _Splitter(n, passage, encoder, overlap).windows()
    return tuple(found)


class _Splitter:
    """Cuts one passage. Pieces are words with the blanks before them; a window is a run of pieces.

    Token counts of pieces add up to about those of a window, so a window's end is found with one sum and then checked;
    only a window that turns out too long is counted again.
    """

    def __init__(self, place: int, passage: str, encoder: Encoder, overlap: float) -> None:
        self._place, self._passage, self._encoder, self._overlap = place, passage, encoder, overlap
        spans = [match.span() for match in _PIECE.finditer(passage, _body_start(passage, encoder))]
        pieces = [passage[start:end] for start, end in spans]
        self._starts = [end - len(piece.lstrip()) for (_, end), piece in zip(spans, pieces, strict=True)]
        self._ends = [end for _, end in spans]
        # The blanks before each piece; behind the last one a line ends.
        self._gaps = [passage[start:first] for (start, _), first in zip(spans, self._starts, strict=True)] + ["\n"]
        counts = encoder.count_tokens([*pieces, ""], Role.PASSAGE)
        frame = int(counts[-1])
        # A piece of no token would let windows grow without bound; a short one costs at least its share of one.
        self._costs = np.maximum(counts[:-1] - frame, 0)
        self._room = max(1, encoder.info.max_tokens - frame)

    def windows(self) -> list[Window]:
        found: list[Window] = []
        first = covered = 0
        while covered < len(self._ends):
            end, n_tokens = self._end_of_window(first, covered)
            if end <= covered:
                first += 1  # it would repeat a part of the window before: start later, reach further
                continue
            found.append(Window(self._place, self._starts[first], self._ends[end - 1], n_tokens))
            first, covered = self._next_first(first, end), end
        return found

    def _end_of_window(self, first: int, covered: int) -> tuple[int, int]:
        """Return the piece after the last one of the window that begins with piece `first`, and its tokens.

        Where it can, the window goes further than `covered`, the end of the window before.
        """
        total = np.cumsum(self._costs[first:])
        end = first + max(1, int(np.searchsorted(total, self._room, side="right")))
        while True:
            chosen = end
            if end < len(self._ends):
                least = max(first, covered)
                earliest = max(least + 1, end - int((end - least) * SEARCHED_FOR_SENTENCE))
                chosen = self._good_end(range(end, earliest - 1, -1), end)
            window = Window(self._place, self._starts[first], self._ends[chosen - 1], 0)
            text = window_text(self._passage, window, self._encoder)
            n_tokens = int(self._encoder.count_tokens([text], Role.PASSAGE)[0])
            if n_tokens <= self._encoder.info.max_tokens or chosen == first + 1:
                return chosen, n_tokens
            surplus = n_tokens - self._encoder.info.max_tokens
            end = max(first + 1, chosen - max(1, surplus * (chosen - first) // n_tokens))

    def _next_first(self, first: int, end: int) -> int:
        """Return where the next window begins: so that it repeats the wanted share, at a sentence where one is near."""
        start, stop = self._starts[first], self._ends[end - 1]
        wanted = stop - self._overlap * (stop - start)
        place = end
        while place > first + 1 and self._starts[place - 1] >= wanted:
            place -= 1
        # Later rather than earlier: the overlap is a bound, and every window must bring something new.
        return self._good_end(range(place, end), end)

    def _good_end(self, places: range, otherwise: int) -> int:
        """Return the first of some places before which a sentence ends, else a word, else another."""
        for place in places:
            gap, last = self._gaps[place], self._passage[self._starts[place - 1] : self._ends[place - 1]]
            if "\n" in gap or (gap and _SENTENCE_END.search(last) is not None):
                return place
        return next((place for place in places if self._gaps[place]), otherwise)


def window_text(passage: str, window: Window, encoder: Encoder) -> str:
    """Return what is sent for a window, bare; a prompt that was typed goes before each window."""
    text = passage[window.start : window.end]
    typed = typed_prompt(passage, encoder.info.prompts)
    return text if typed is None or window.start < _body_start(passage, encoder) else typed + text


def _body_start(passage: str, encoder: Encoder) -> int:
    """Return where the text begins behind a prompt that was typed; 0 without one."""
    if typed_prompt(passage, encoder.info.prompts) is None:
        return 0
    return len(passage) - len(split_prompt(passage, Role.PASSAGE, encoder.info.prompts)[1])


def _best_windows(scores: FloatArray, passages: Sequence[int], n_passages: int) -> IntArray:
    """Return (n_queries, n_passages) positions of the best windows."""
    owners = np.asarray(passages, dtype=np.int64)
    bounds = np.searchsorted(owners, np.arange(n_passages + 1))
    best = np.empty((len(scores), n_passages), dtype=np.int64)
    for passage, (start, end) in enumerate(pairwise(bounds.tolist())):
        best[:, passage] = start + np.argmax(scores[:, start:end], axis=1)
    return best

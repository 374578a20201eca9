"""A ranking and all that can be told of it, asked for and answered by one record each.

Page, command line, API and Python make it with `rank_all` and show or write the same `RankingResult`. Models and
calibrations are passed in: nothing is opened here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from time import perf_counter
from typing import Final

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.prompts import typed_prompt
from koe5_demo.ranking.agreement import AgreementReport, agreement
from koe5_demo.ranking.calibration import Calibration
from koe5_demo.ranking.explain import Explanation, explain_pair
from koe5_demo.ranking.lexical import BM25, lexical_scores
from koe5_demo.ranking.map2d import LEAST_TEXTS, TextMap, text_map
from koe5_demo.ranking.scores import Comparison, compare, cosines
from koe5_demo.ranking.windows import Window, WindowedComparison, compare_windows, window_text
from koe5_demo.records import Encoder, FloatArray, Hit, ModelInfo, Notice, OnProgress, Role, TokenEncoder, TokenVectors

MOST_DRAWN: Final = 100
"""Texts on one heatmap or map."""
MOST_EXPLAINED: Final = 10
"""Hits of a query that are taken apart where explanations are asked for: each takes a pass through the model."""
MOST_SEARCHED_CUTS: Final = 20


@dataclass(frozen=True)
class RankingRequest:
    """What is to be ranked, and what else is wanted.

    Attributes:
        queries: At least one, none blank, without prompts.
        passages: At least one, none blank, without prompts.
        windows: Score long passages by their best window.
        compare_with: "bm25", the name of a second model, or empty for none.
        without_prompts: Rank without the model's prompts too, to compare.
        explain: Take the scores of each query's ten best hits apart, word by word.
        calibration: Say how high the scores are among measured pairs.
        text_map: Lay the texts out in two dimensions, from 8 texts on.
        model: The name that the model was asked for by.
        notices: What is to be known about how the texts were read.
        places: Where each passage stood in its file, from 0, if blank rows of it were left out; else None.
        columns: Other columns of that file by name, an id or a title, with a value a passage; they are shown and
            exported beside it.
    """

    queries: Sequence[str]
    passages: Sequence[str]
    windows: bool = False
    compare_with: str = ""
    without_prompts: bool = False
    explain: bool = False
    calibration: bool = False
    text_map: bool = False
    model: str = ""
    notices: tuple[Notice, ...] = ()
    places: tuple[int, ...] | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def second_model(self) -> str:
        """The name of the second model that has to be opened for this; empty for none."""
        return "" if self.compare_with == BM25 else self.compare_with


@dataclass(frozen=True)
class TextRef:
    """One of the texts: a query or a passage, by its position from 0. Written q0, p12."""

    role: Role
    index: int

    @classmethod
    def read(cls, text: str) -> TextRef:
        """Read what `str` writes.

        Raises:
            ValueError: If it is something else.
        """
        roles = {"q": Role.QUERY, "p": Role.PASSAGE}
        if text[:1] not in roles or not text[1:].isdecimal():
            raise ValueError(text)
        return cls(roles[text[0]], int(text[1:]))

    def __str__(self) -> str:
        return f"{self.role.value[0]}{self.index}"


@dataclass(frozen=True)
class BestWindow:
    """The window that gave a passage its score: its number from 1, of how many, and where it lies."""

    n: int
    of: int
    window: Window

    @property
    def span(self) -> tuple[int, int]:
        """Characters of the passage, half open."""
        return self.window.start, self.window.end


@dataclass(frozen=True)
class SecondRanking:
    """Another ranking of the same texts.

    Attributes:
        name: What it was asked for by.
        info: What computed it; None for BM25.
        report: The ranking proper (A) against this one (B).
    """

    name: str
    info: ModelInfo | None
    report: AgreementReport


@dataclass(frozen=True, eq=False)
class RankingResult:
    """One ranking: everything that is shown, exported or drawn from it.

    Attributes:
        request: What was asked for.
        comparison: Texts, scores and token counts; its vectors are dropped.
        info: What computed it.
        notices: What is to be known of texts and scores.
        pairs: (n, n) cosines between all queries and the `pair_passages`, queries first; n <= `MOST_DRAWN`.
        pair_passages: Positions of those passages: all of them, or the best where there are too many.
        n_encoded: Texts and windows that were needed as vectors.
        n_computed: How many of them went through the model; the rest came from the cache.
        milliseconds: Wall time of encoding and scoring.
        seen_chars: How many characters of a cut text the model read, for the first cut ones.
        windowed: How long passages were scored by windows, if they were.
        without_prompts: The ranking (A) against the one without prompts (B), if it was asked for.
        second: A second system's ranking, if it was asked for.
        calibration: The spread of this model's scores, if it was asked for and has been measured.
        text_map: The texts of `pairs` as points, if asked for, from 8 texts on.
        explanations: By query and passage, for the best hits, if they were asked for.
    """

    request: RankingRequest
    comparison: Comparison
    info: ModelInfo
    notices: tuple[Notice, ...]
    pairs: FloatArray
    pair_passages: tuple[int, ...]
    n_encoded: int
    n_computed: int
    milliseconds: float
    seen_chars: Mapping[TextRef, int] = field(default_factory=dict)
    windowed: WindowedComparison | None = None
    without_prompts: AgreementReport | None = None
    second: SecondRanking | None = None
    calibration: Calibration | None = None
    text_map: TextMap | None = None
    explanations: Mapping[tuple[int, int], Explanation] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The name that the model was asked for by."""
        return self.request.model or self.info.id

    @property
    def texts(self) -> tuple[TextRef, ...]:
        """All texts, queries first."""
        return self._refs(range(len(self.comparison.passages)))

    @property
    def drawn_texts(self) -> tuple[TextRef, ...]:
        """The texts of `pairs` and of the map, queries first."""
        return self._refs(self.pair_passages)

    def _refs(self, passages: Iterable[int]) -> tuple[TextRef, ...]:
        queries = (TextRef(Role.QUERY, place) for place in range(len(self.comparison.queries)))
        return (*queries, *(TextRef(Role.PASSAGE, place) for place in passages))

    def text(self, ref: TextRef) -> str:
        """Return the text that a reference names.

        Raises:
            IndexError: If there is no such text.
        """
        texts = self.comparison.queries if ref.role is Role.QUERY else self.comparison.passages
        return texts[ref.index]

    def name_of(self, ref: TextRef) -> str:
        """Return the name of a text that people read, Q1 or P13: counted from 1 as it was given, blank rows too."""
        place = self.comparison.place(ref.index) if ref.role is Role.PASSAGE else ref.index
        return f"{ref.role.value[0].upper()}{place + 1}"

    def hits(self, query: int, top_k: int | None = None) -> list[Hit]:
        """Return the ranking of query number `query` (from 0), best first; equal scores share a rank."""
        return self.comparison.hits(query, top_k)

    def best_window(self, ref: TextRef, other: TextRef) -> BestWindow | None:
        """Return the window of a passage that has its score with another text.

        That is the best one for a query, and beside a passage the one that stands for it. None for a query, and for a
        passage that is one window.
        """
        if self.windowed is None or ref.role is not Role.PASSAGE:
            return None
        windows = self.windowed.windows
        first = bisect_left(windows, ref.index, key=attrgetter("passage"))
        end = bisect_right(windows, ref.index, lo=first, key=attrgetter("passage"))
        found = self.windowed.best[other.index] if other.role is Role.QUERY else self.windowed.standing
        best = int(found[ref.index])
        return None if end - first == 1 else BestWindow(best - first + 1, end - first, windows[best])


def rank_all(
    request: RankingRequest,
    encoder: Encoder,
    *,
    second_encoder: Encoder | None = None,
    calibration: Calibration | None = None,
    on_progress: OnProgress | None = None,
) -> RankingResult:
    """Rank passages for each query, with everything that the request asks for.

    Args:
        request: Texts and wishes.
        encoder: The model.
        second_encoder: The model that `request.second_model` names.
        calibration: Of `encoder`, where one has been measured; see `koe5_demo.ranking.calibration.load_calibration`.
        on_progress: Called with (done, total) while texts are encoded, by each model in turn.

    Raises:
        InputError: If there is no query or passage, one is blank, a string stands where a list belongs, or an
            explanation is asked for and the model's vectors cannot be taken apart.
        ValueError: If the request names a second model and none is given.
    """
    if request.second_model and second_encoder is None:
        raise ValueError(f"the encoder of {request.second_model!r} is missing")
    if request.explain and not isinstance(encoder, TokenEncoder):
        raise InputError("explain_unsupported", name=encoder.info.id)
    start = perf_counter()
    comparison, windowed = _compare(request, encoder, on_progress=on_progress)
    milliseconds = (perf_counter() - start) * 1_000
    drawn = best_passages(comparison.scores, MOST_DRAWN - len(request.queries))
    vectors = np.concatenate([comparison.query_encoded.vectors, comparison.passage_encoded.vectors[list(drawn)]])
    pairs, n_queries = cosines(vectors, vectors), len(request.queries)
    # A query and a passage have the one score that is ranked and explained.
    pairs[:n_queries, n_queries:] = comparison.scores[:, list(drawn)]
    pairs[n_queries:, :n_queries] = pairs[:n_queries, n_queries:].T
    without_prompts = None
    if request.without_prompts:
        other, _ = _compare(request, encoder, with_prompts=False, on_progress=on_progress)
        without_prompts = agreement(comparison.scores, other.scores)
    encoded = (comparison.query_encoded, comparison.passage_encoded)
    result = RankingResult(
        request=request,
        comparison=replace(
            comparison,
            query_encoded=encoded[0].without_vectors(),
            passage_encoded=encoded[1].without_vectors(),
            places=request.places,
        ),
        info=encoder.info,
        notices=(*request.notices, *_notices(comparison, windowed, encoder.info)),
        pairs=pairs,
        pair_passages=drawn,
        n_encoded=n_queries + (len(request.passages) if windowed is None else len(windowed.windows)),
        n_computed=sum(len(part.n_tokens) if part.n_computed is None else part.n_computed for part in encoded),
        milliseconds=milliseconds,
        seen_chars=_seen_chars(comparison, encoder),
        windowed=windowed,
        without_prompts=without_prompts,
        second=_second(request, comparison, second_encoder, on_progress),
        calibration=calibration if request.calibration else None,
        text_map=text_map(vectors) if request.text_map and len(vectors) >= LEAST_TEXTS else None,
    )
    return replace(result, explanations=_explain_best(result, encoder)) if request.explain else result


def explain_texts(result: RankingResult, left: TextRef, right: TextRef, encoder: Encoder) -> Explanation:
    """Return why two texts of a result have their score; of a passage in windows, the one that has it.

    Raises:
        InputError: If the model's vectors cannot be taken apart.
    """
    return explain_pair(*(_tokens(result, ref, other, encoder) for ref, other in ((left, right), (right, left))))


def best_passages(scores: FloatArray, most: int) -> tuple[int, ...]:
    """Return, in their own order, the positions of the passages with the best score under any query."""
    order = np.argsort(-scores.max(axis=0), kind="stable")[:most]
    return tuple(int(place) for place in np.sort(order))


def _compare(
    request: RankingRequest, encoder: Encoder, *, with_prompts: bool = True, on_progress: OnProgress | None
) -> tuple[Comparison, WindowedComparison | None]:
    """Return the scores, by windows where they are asked for; the second system is scored the same way as the first."""
    queries, passages = request.queries, request.passages
    if not request.windows:
        return compare(queries, passages, encoder, with_prompts=with_prompts, on_progress=on_progress), None
    found = compare_windows(queries, passages, encoder, with_prompts=with_prompts, on_progress=on_progress)
    return found.comparison, found


def _second(
    request: RankingRequest, comparison: Comparison, encoder: Encoder | None, on_progress: OnProgress | None
) -> SecondRanking | None:
    if request.compare_with == BM25:
        scores = lexical_scores(comparison.queries, comparison.passages)
        return SecondRanking(BM25, None, agreement(comparison.scores, scores, zero_is_no_match=True))
    if not request.compare_with or encoder is None:
        return None
    other, _ = _compare(request, encoder, on_progress=on_progress)
    return SecondRanking(request.compare_with, encoder.info, agreement(comparison.scores, other.scores))


def _notices(comparison: Comparison, windowed: WindowedComparison | None, info: ModelInfo) -> list[Notice]:
    notices = []
    n_cut = int(comparison.query_encoded.truncated.sum() + comparison.passage_encoded.truncated.sum())
    if n_cut:
        notices.append(Notice("notice_truncated", {"n": n_cut, "limit": info.max_tokens}))
    if windowed is not None and len(windowed.windows) > len(comparison.passages):
        notices.append(windowed.notice())
    texts = (*comparison.queries, *comparison.passages)
    n_typed = sum(typed_prompt(text, info.prompts) is not None for text in texts)
    if n_typed:
        notices.append(Notice("notice_prefix_typed", {"n": n_typed}))
    return notices


def _seen_chars(comparison: Comparison, encoder: Encoder) -> dict[TextRef, int]:
    """Return how many characters the model read of each cut text, for the first 20 of them.

    Found by halving: the longest beginning whose tokens fit the limit.
    """
    cut = [TextRef(Role.QUERY, int(n)) for n in np.flatnonzero(comparison.query_encoded.truncated)]
    cut += [TextRef(Role.PASSAGE, int(n)) for n in np.flatnonzero(comparison.passage_encoded.truncated)]
    texts = {Role.QUERY: comparison.queries, Role.PASSAGE: comparison.passages}
    seen = {}
    for ref in cut[:MOST_SEARCHED_CUTS]:
        text = texts[ref.role][ref.index]
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = int(encoder.count_tokens([text[:middle]], ref.role)[0]) <= encoder.info.max_tokens
            low, high = (middle, high) if fits else (low, middle - 1)
        seen[ref] = low
    return seen


def _explain_best(result: RankingResult, encoder: Encoder) -> dict[tuple[int, int], Explanation]:
    """Return why the best hits of each query have their scores."""
    explanations = {}
    for query in range(len(result.comparison.queries)):
        left = TextRef(Role.QUERY, query)
        hits = result.hits(query, MOST_EXPLAINED)
        asked = _tokens(result, left, left, encoder)
        for hit in hits:
            right = TextRef(Role.PASSAGE, hit.index)
            explanations[query, hit.index] = explain_pair(asked, _tokens(result, right, left, encoder))
    return explanations


def _tokens(result: RankingResult, ref: TextRef, other: TextRef, encoder: Encoder) -> TokenVectors:
    """Return what the vector that gave a text its score with another is made of: its own, or its best window's."""
    if not isinstance(encoder, TokenEncoder):
        raise InputError("explain_unsupported", name=encoder.info.id)
    found = result.best_window(ref, other)
    text = result.text(ref)
    return encoder.encode_tokens(text if found is None else window_text(text, found.window, encoder), ref.role)

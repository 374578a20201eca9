"""What is drawn of a ranking: heatmap, map, scatter of two systems, strip of scores, words of one pair.

Each drawing keeps its numbers beside the figure, so that a table can stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from koe5_demo.exports import model_option
from koe5_demo.figures.calibration import Mark, Spread, calibration_strip
from koe5_demo.figures.heatmaps import FIXED_SCALE, Scale, heatmap, stretched_scale, word_heatmap
from koe5_demo.figures.scatter import score_scatter, text_map_figure
from koe5_demo.plain_plotly import Figure
from koe5_demo.ranking.calibration import Percentiles
from koe5_demo.ranking.explain import Unit, UnitKind, strongest
from koe5_demo.ranking.result import (
    MOST_DRAWN,
    BestWindow,
    RankingResult,
    TextRef,
    best_passages,
    explain_texts,
)
from koe5_demo.records import DoubleArray, Encoder, FloatArray, Notice, Role
from koe5_demo.words import Language, message

N_QUERY_WORDS: Final = 12
N_PASSAGE_WORDS: Final = 16
N_LISTED: Final = 10
MOST_MARKS: Final = 30


class HeatmapView(str, Enum):
    """Which texts stand on the axes."""

    CROSS = "cross"
    PAIRS = "pairs"


class ScaleChoice(str, Enum):
    """How the colours of the heatmap are spread."""

    FIXED = "fixed"
    STRETCHED = "stretched"


@dataclass(frozen=True)
class HeatmapDrawing:
    """A heatmap: its numbers, texts, what they are, its scale, and how many columns it should have had."""

    scores: FloatArray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_refs: tuple[TextRef, ...]
    column_refs: tuple[TextRef, ...]
    scale: Scale
    n_columns: int
    figure: Figure


@dataclass(frozen=True)
class UnitValue:
    """A word, prefix or the like with what it adds.

    Attributes:
        text: The word, or what the page calls the unit.
        value: What it adds to the score, or its best cosine where there is no sum.
        strength: |value| against the largest one, 0 to 1.
        is_word: False for prefixes, special tokens and the rest.
        cut: Whether the model never saw it.
    """

    text: str
    value: float
    strength: float
    is_word: bool
    cut: bool

    @property
    def lowers(self) -> bool:
        """Return whether it lowers the score."""
        return self.value < 0


@dataclass(frozen=True)
class ExplainedPair:
    """One score taken apart.

    Attributes:
        model: What computed it.
        left_name, right_name: Q1, P3.
        left, right: Words of both texts in text order, then prefix and special tokens.
        listed: The strongest units of the right text, and what all others add.
        others: What the units that are not listed add.
        score: The sum; None where there is none.
        exact: Whether contributions add up.
        n_cut: Words of the right text that the model never saw.
        left_label, right_label: What the texts are called in the page's language.
        left_window, right_window: The part of a long passage that has this score, where passages are split.
        rows, columns, values: The word-by-word heatmap: names of the strongest units and their numbers.
        figure: That heatmap.
    """

    model: str
    left_name: str
    right_name: str
    left: tuple[UnitValue, ...]
    right: tuple[UnitValue, ...]
    listed: tuple[UnitValue, ...]
    others: float
    score: float | None
    exact: bool
    n_cut: int
    left_label: str
    right_label: str
    left_window: BestWindow | None
    right_window: BestWindow | None
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    figure: Figure


@dataclass(frozen=True)
class PlacedScores:
    """How high a query's scores are.

    Attributes:
        told: The best score in words, and what was measured; or that nothing was.
        places: Name, score and place among measured pairs of each mark; empty without a calibration.
        figure: The strip; None without a calibration.
    """

    told: tuple[Notice, ...]
    places: tuple[tuple[str, float, Percentiles], ...] = ()
    figure: Figure | None = None


def draw_heatmap(result: RankingResult, view: HeatmapView, scale: ScaleChoice) -> HeatmapDrawing:
    """Draw the scores: at most `MOST_DRAWN` columns, those with the best scores."""
    comparison = result.comparison
    n_queries, n_passages = len(comparison.queries), len(comparison.passages)
    if view is HeatmapView.PAIRS:
        scores, row_refs, n_columns = result.pairs, result.drawn_texts, n_queries + n_passages
        column_refs = row_refs
    else:
        best = best_passages(comparison.scores, MOST_DRAWN)
        scores, n_columns = comparison.scores[:, list(best)], n_passages
        row_refs = tuple(TextRef(Role.QUERY, n) for n in range(n_queries))
        column_refs = tuple(TextRef(Role.PASSAGE, place) for place in best)
    rows, columns = (tuple(result.text(ref) for ref in refs) for refs in (row_refs, column_refs))
    colours = FIXED_SCALE if scale is ScaleChoice.FIXED else stretched_scale(scores)
    names = [str(ref) for ref in row_refs], [str(ref) for ref in column_refs]
    figure = heatmap(scores, rows, columns, colours, names)
    return HeatmapDrawing(scores, rows, columns, row_refs, column_refs, colours, n_columns, figure)


def draw_scatter(result: RankingResult, language: Language) -> Figure | None:
    """Draw the scores of the ranking against those of the second system; None without one."""
    if result.second is None:
        return None
    left, right, places = result.second.report.scatter()
    return score_scatter(
        left,
        right,
        [f"Q{query + 1} P{passage + 1}" for query, passage in places],
        [result.comparison.passages[passage] for _, passage in places],
        x_title=message("scatter_of", language, model=result.info.id),
        y_title=message("scatter_of", language, model=result.second.name),
    )


def draw_map(result: RankingResult, language: Language) -> Figure | None:
    """Draw the texts as points; None without a map."""
    found = result.text_map
    if found is None:
        return None
    refs = result.drawn_texts
    hovers = [
        [
            result.text(ref),
            *(
                message("map_near", language, name=refs[place].shown, cosine=cosine)
                for place, cosine in zip(near, cosines, strict=True)
            ),
        ]
        for ref, near, cosines in zip(refs, found.neighbours, found.cosines, strict=True)
    ]
    groups = [message("map_queries" if ref.role is Role.QUERY else "map_passages", language) for ref in refs]
    x_title, y_title = (
        message("map_axis", language, n=n, percent=100 * part) for n, part in enumerate(found.explained, 1)
    )
    names = [ref.shown for ref in refs]
    return text_map_figure(found.points, groups, names, hovers, x_title=x_title, y_title=y_title)


def place_scores(result: RankingResult, query: int, language: Language) -> PlacedScores:
    """Say how high a query's best scores are among measured pairs, with a strip; no strip without a calibration."""
    found = result.calibration
    if found is None:
        return PlacedScores((Notice("calibration_none", {"model": model_option(result.info)}),))
    best = result.hits(query, MOST_MARKS)
    marks = [Mark(hit.score, TextRef(Role.PASSAGE, hit.index).shown, hit.passage) for hit in best]
    places = tuple((mark.name, mark.score, found.percentile(mark.score)) for mark in marks)
    relevant = Spread(message("strip_relevant", language), found.relevant.levels, found.relevant.values)
    random = Spread(message("strip_random", language), found.random.levels, found.random.values)
    strip = calibration_strip(relevant, random, marks, x_title=message("score", language))
    return PlacedScores((found.notice(best[0].score), found.source()), places, strip)


def draw_pair(
    result: RankingResult, left: TextRef, right: TextRef, encoder: Encoder, language: Language
) -> ExplainedPair:
    """Take the score of two texts apart, and draw it word by word.

    Raises:
        InputError: If the model's vectors cannot be taken apart.
    """
    explanation = explain_texts(result, left, right, encoder)
    short = strongest(explanation, N_QUERY_WORDS, N_PASSAGE_WORDS)
    rows = tuple(_name(unit, language) for unit in short.query_units)
    columns = tuple(_name(unit, language) for unit in short.passage_units)
    left_units = _unit_values(explanation.query_units, explanation.query_values, language)
    right_units = _unit_values(explanation.passage_units, explanation.passage_values, language)
    ranked = sorted((unit for unit in right_units if not unit.cut), key=lambda unit: -abs(unit.value))
    return ExplainedPair(
        model=result.info.id,
        left_name=left.shown,
        right_name=right.shown,
        left=left_units,
        right=right_units,
        listed=tuple(ranked[:N_LISTED]),
        others=float(sum(unit.value for unit in ranked[N_LISTED:])),
        score=explanation.score,
        exact=explanation.exact,
        n_cut=sum(unit.cut for unit in right_units),
        left_label=message(f"why_{left.role.value}", language, name=left.shown),
        right_label=message(f"why_{right.role.value}", language, name=right.shown),
        left_window=result.best_window(left, right),
        right_window=result.best_window(right, left),
        rows=rows,
        columns=columns,
        values=tuple(map(tuple, short.matrix.tolist())),
        figure=word_heatmap(short.matrix, rows, columns),
    )


def _unit_values(units: tuple[Unit, ...], values: DoubleArray, language: Language) -> tuple[UnitValue, ...]:
    most = max(float(np.abs(values).max(initial=0.0)), 1e-9)
    return tuple(
        UnitValue(
            text=_name(unit, language),
            value=float(value),
            strength=round(abs(float(value)) / most, 3),
            is_word=unit.kind is UnitKind.WORD,
            cut=unit.cut,
        )
        for unit, value in zip(units, values, strict=True)
    )


def _name(unit: Unit, language: Language) -> str:
    if unit.kind is UnitKind.WORD:
        return unit.text
    return message(f"unit_{unit.kind.value}", language, n=unit.n_words)

"""What is drawn of a ranking: heatmap, map, scatter of two systems, strip of scores, words of one pair.

Each drawing keeps its numbers beside the figure, so that a table can stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from koe5_demo import exports
from koe5_demo.figures.charts import Mark, Spread, calibration_strip, score_scatter, text_map_figure, word_heatmap
from koe5_demo.figures.heatmaps import FIXED_SCALE, CellColours, Scale, cell_colours, stretched_scale
from koe5_demo.figures.plain_plotly import Figure
from koe5_demo.ranking.calibration import Percentiles
from koe5_demo.ranking.explain import Unit, UnitKind, strongest
from koe5_demo.ranking.result import (
    BestWindow,
    RankingResult,
    TextRef,
    explain_texts,
)
from koe5_demo.records import DoubleArray, Encoder, FloatArray, Notice, Role
from koe5_demo.words import Language, message

N_QUERY_WORDS: Final = 12
N_PASSAGE_WORDS: Final = 16
N_LISTED: Final = 10
MOST_MARKS: Final = 30
MANY_PASSAGES: Final = 30
N_BEST: Final = 20
"""Columns that have their labels and numbers side by side in a window of 1,280 pixels."""
MOST_CELLS: Final = 6_000


class HeatmapView(str, Enum):
    """Which texts stand on the axes."""

    CROSS = "cross"
    PAIRS = "pairs"


class ScaleChoice(str, Enum):
    """How the colours of the heatmap are spread."""

    FIXED = "fixed"
    STRETCHED = "stretched"


class HeatmapOrder(str, Enum):
    """How its passages are ordered: as they were given, or best first for the query that is looked at."""

    GIVEN = "given"
    RANK = "rank"


class HeatmapExtent(str, Enum):
    """Whether many passages are all drawn."""

    BEST = "best"
    ALL = "all"


@dataclass(frozen=True)
class HeatmapLook:
    """How a visitor looks at the heatmap."""

    view: HeatmapView = HeatmapView.CROSS
    scale: ScaleChoice = ScaleChoice.STRETCHED
    order: HeatmapOrder = HeatmapOrder.GIVEN
    extent: HeatmapExtent = HeatmapExtent.BEST


@dataclass(frozen=True)
class HeatmapDrawing:
    """A heatmap.

    Attributes:
        scores: (n_rows, n_columns).
        row_refs, column_refs: The texts.
        scale: What the lowest and the highest colour stand for.
        n_passages: How many passages there are; fewer may be drawn.
        can_draw_more: Whether the other extent would draw other passages.
    """

    scores: FloatArray
    row_refs: tuple[TextRef, ...]
    column_refs: tuple[TextRef, ...]
    scale: Scale
    n_passages: int
    can_draw_more: bool

    @property
    def n_drawn(self) -> int:
        """Passages among the columns; side by side, queries are columns too."""
        return sum(ref.role is Role.PASSAGE for ref in self.column_refs)

    def colours(self, row: int, column: int) -> CellColours:
        """Return the colours of a cell by its score on `scale`, for light and dark pages."""
        return cell_colours(float(self.scores[row, column]), self.scale)


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
        """Whether it adds less than nothing."""
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


def draw_heatmap(result: RankingResult, look: HeatmapLook, query: int) -> HeatmapDrawing:
    """Return the heatmap of a result as it is looked at.

    Of `MANY_PASSAGES` and more the `N_BEST` are drawn until all are asked for. All are as many as `MOST_CELLS` cells
    hold, and beside each other as many as `RankingResult.pairs` holds.

    Args:
        result: What was ranked.
        look: View, scale, order and extent.
        query: The query whose ranking orders the passages, and for which the best are the best.
    """
    comparison = result.comparison
    n_queries, n_passages = comparison.scores.shape
    pairs = look.view is HeatmapView.PAIRS
    most = len(result.pair_passages) if pairs else max(N_BEST, MOST_CELLS // n_queries)
    many = n_passages >= MANY_PASSAGES
    ranked = [hit.index for hit in result.hits(query)]
    if pairs:
        drawable = set(result.pair_passages)
        ranked = [place for place in ranked if place in drawable]
    chosen = ranked[: N_BEST if many and look.extent is HeatmapExtent.BEST else most]
    if look.order is HeatmapOrder.GIVEN:
        chosen.sort()
    queries = tuple(TextRef(Role.QUERY, n) for n in range(n_queries))
    passages = tuple(TextRef(Role.PASSAGE, place) for place in chosen)
    if pairs:
        at = {ref: n for n, ref in enumerate(result.drawn_texts)}
        rows = columns = (*queries, *passages)
        places = [at[ref] for ref in rows]
        scores = result.pairs[np.ix_(places, places)]
    else:
        rows, columns, scores = queries, passages, comparison.scores[:, chosen]
    scale = FIXED_SCALE if look.scale is ScaleChoice.FIXED else stretched_scale(scores)
    return HeatmapDrawing(scores, rows, columns, scale, n_passages, can_draw_more=many)


def heatmap_rows(result: RankingResult, drawing: HeatmapDrawing) -> list[list[str]]:
    """Return a heatmap as the rows of a CSV file: names and texts of its columns, then of each row with its scores."""
    corner = exports.defuse(f"{result.info.id}@{result.info.revision}")
    names = [result.name_of(ref) for ref in drawing.column_refs]
    texts = [exports.defuse(result.text(ref)) for ref in drawing.column_refs]
    rows = [
        [result.name_of(ref), exports.defuse(result.text(ref)), *(f"{score:.6f}" for score in line)]
        for ref, line in zip(drawing.row_refs, drawing.scores.tolist(), strict=True)
    ]
    return [[corner, "", *names], ["", "", *texts], *rows]


def draw_scatter(result: RankingResult, language: Language) -> Figure | None:
    """Draw the scores of the ranking against those of the second system; None without one."""
    if result.second is None:
        return None
    left, right, places = result.second.report.scatter()
    return score_scatter(
        left,
        right,
        [f"Q{query + 1} P{result.comparison.place(passage) + 1}" for query, passage in places],
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
                message("map_near", language, name=result.name_of(refs[place]), cosine=cosine)
                for place, cosine in zip(near, cosines, strict=True)
            ),
        ]
        for ref, near, cosines in zip(refs, found.neighbours, found.cosines, strict=True)
    ]
    groups = [message("map_queries" if ref.role is Role.QUERY else "map_passages", language) for ref in refs]
    x_title, y_title = (
        message("map_axis", language, n=n, percent=100 * part) for n, part in enumerate(found.explained, 1)
    )
    names = [result.name_of(ref) for ref in refs]
    return text_map_figure(found.points, groups, names, hovers, x_title=x_title, y_title=y_title)


def place_scores(result: RankingResult, query: int, language: Language) -> PlacedScores:
    """Say how high a query's best scores are among measured pairs, with a strip; no strip without a calibration."""
    found = result.calibration
    if found is None:
        return PlacedScores((Notice("calibration_none", {"model": exports.model_option(result.info)}),))
    best = result.hits(query, MOST_MARKS)
    marks = [Mark(hit.score, result.name_of(TextRef(Role.PASSAGE, hit.index)), hit.passage) for hit in best]
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
        left_name=result.name_of(left),
        right_name=result.name_of(right),
        left=left_units,
        right=right_units,
        listed=tuple(ranked[:N_LISTED]),
        others=float(sum(unit.value for unit in ranked[N_LISTED:])),
        score=explanation.score,
        exact=explanation.exact,
        n_cut=sum(unit.cut for unit in right_units),
        left_label=message(f"why_{left.role.value}", language, name=result.name_of(left)),
        right_label=message(f"why_{right.role.value}", language, name=result.name_of(right)),
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

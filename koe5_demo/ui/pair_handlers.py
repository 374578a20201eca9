"""Why two texts have their score, and whether that is high: what the pair panel shows. No gradio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from koe5_demo import exports, figures
from koe5_demo.calibration import Calibration, Percentiles, load_calibration
from koe5_demo.explain import Unit, UnitKind, strongest
from koe5_demo.plain_plotly import Figure
from koe5_demo.records import DoubleArray, Encoder, Notice, Role
from koe5_demo.settings import Settings
from koe5_demo.ui.handlers import BestWindow, best_window, explain_pair
from koe5_demo.ui.state import Outcome, Pick
from koe5_demo.words import Language, message

N_QUERY_WORDS: Final = 12
N_PASSAGE_WORDS: Final = 16
N_LISTED: Final = 10
MOST_MARKS: Final = 30


@dataclass(frozen=True)
class ShownUnit:
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
class PairView:
    """One explained pair.

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
        window: The part of the right text that has this score, where long passages are split.
        rows, columns, values: The word-by-word heatmap: names of the strongest units and their numbers.
    """

    model: str
    left_name: str
    right_name: str
    left: tuple[ShownUnit, ...]
    right: tuple[ShownUnit, ...]
    listed: tuple[ShownUnit, ...]
    others: float
    score: float | None
    exact: bool
    n_cut: int
    left_label: str
    right_label: str
    window: BestWindow | None
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class HighView:
    """How high a query's scores are.

    Attributes:
        told: The best score in words, and what was measured; or that nothing was.
        places: Name, score and place among measured pairs of each mark; empty without a calibration.
        figure: The strip; None without a calibration.
    """

    told: tuple[Notice, ...]
    places: tuple[tuple[str, float, Percentiles], ...] = ()
    figure: Figure | None = None


def view_pair(
    outcome: Outcome, left: Pick, right: Pick, encoder: Encoder, language: Language
) -> tuple[PairView, Figure]:
    """Return what the panel shows of a pair, and its word-by-word heatmap.

    Raises:
        InputError: If the model's vectors cannot be taken apart.
    """
    explanation = explain_pair(outcome, left, right, encoder)
    short = strongest(explanation, N_QUERY_WORDS, N_PASSAGE_WORDS)
    rows = tuple(_name(unit, language) for unit in short.query_units)
    columns = tuple(_name(unit, language) for unit in short.passage_units)
    shown_left = _shown(explanation.query_units, explanation.query_values, language)
    shown_right = _shown(explanation.passage_units, explanation.passage_values, language)
    ranked = sorted((unit for unit in shown_right if not unit.cut), key=lambda unit: -abs(unit.value))
    view = PairView(
        model=outcome.info.id,
        left_name=figures.shown_name(str(left)),
        right_name=figures.shown_name(str(right)),
        left=shown_left,
        right=shown_right,
        listed=tuple(ranked[:N_LISTED]),
        others=float(sum(unit.value for unit in ranked[N_LISTED:])),
        score=explanation.score,
        exact=explanation.exact,
        n_cut=sum(unit.cut for unit in shown_right),
        left_label=_label(left, language),
        right_label=_label(right, language),
        window=best_window(outcome, right, left),
        rows=rows,
        columns=columns,
        values=tuple(map(tuple, short.matrix.tolist())),
    )
    return view, figures.word_heatmap(short.matrix, rows, columns)


def calibrate_outcome(outcome: Outcome, query: int, settings: Settings, language: Language) -> HighView:
    """Return how high a query's best scores are among measured pairs, with a strip; no strip without a calibration."""
    found = load_calibration(outcome.info, settings)
    if found is None:
        return HighView((Notice("calibration_none", {"model": exports.model_option(outcome.info)}),))
    best = outcome.comparison.hits(query, MOST_MARKS)
    marks = [figures.Mark(hit.score, f"P{hit.index + 1}", hit.passage) for hit in best]
    places = tuple((mark.name, mark.score, found.percentile(mark.score)) for mark in marks)
    return HighView((found.notice(best[0].score), found.source()), places, _strip(found, marks, language))


def _strip(found: Calibration, marks: list[figures.Mark], language: Language) -> Figure:
    relevant = figures.Spread(message("strip_relevant", language), found.relevant.levels, found.relevant.values)
    random = figures.Spread(message("strip_random", language), found.random.levels, found.random.values)
    return figures.calibration_strip(relevant, random, marks, x_title=message("score", language))


def _shown(units: tuple[Unit, ...], values: DoubleArray, language: Language) -> tuple[ShownUnit, ...]:
    most = max(float(np.abs(values).max(initial=0.0)), 1e-9)
    return tuple(
        ShownUnit(
            text=_name(unit, language),
            value=float(value),
            strength=round(abs(float(value)) / most, 3),
            is_word=unit.kind is UnitKind.WORD,
            cut=unit.cut,
        )
        for unit, value in zip(units, values, strict=True)
    )


def _label(pick: Pick, language: Language) -> str:
    key = "why_query" if pick.role is Role.QUERY else "why_passage"
    return message(key, language, name=figures.shown_name(str(pick)))


def _name(unit: Unit, language: Language) -> str:
    if unit.kind is UnitKind.WORD:
        return unit.text
    return message(f"unit_{unit.kind.value}", language, n=unit.n_words)

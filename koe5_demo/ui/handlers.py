"""What the page does, as plain functions on records. No gradio."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np

from koe5_demo import figures, inputs
from koe5_demo.catalog import ASSETS, CATALOG, EMBEDDED_MODEL
from koe5_demo.encoding.host import ModelState, Phase
from koe5_demo.errors import InputError
from koe5_demo.inputs import Layout, Parsed, Table
from koe5_demo.messages import Language
from koe5_demo.prompts import typed_prompt
from koe5_demo.ranking import Comparison, compare, cosines
from koe5_demo.records import Encoder, FloatArray, Notice, OnProgress
from koe5_demo.settings import Limits
from koe5_demo.ui.state import MOST_DRAWN, HeatmapView, Outcome, ScaleChoice
from koe5_demo.ui.text import t


@dataclass(frozen=True)
class Form:
    """What the visitor filled in.

    Attributes:
        queries: Text of the query box, one query a line.
        passages: Text of the passage box.
        layout: How that text is parted.
        file: An uploaded file that is used in place of the passage box.
        column: The chosen column of the file.
    """

    queries: str
    passages: str
    layout: Layout
    file: Path | None = None
    column: str | None = None


@dataclass(frozen=True)
class Example:
    """A ready example; see assets/examples.json."""

    id: str
    title: dict[Language, str]
    note: dict[Language, str]
    queries: tuple[str, ...]
    passages: tuple[str, ...]

    @property
    def text_of_queries(self) -> str:
        """Return what stands in the query box."""
        return "\n".join(self.queries)

    @property
    def text_of_passages(self) -> str:
        """Return what stands in the passage box, parted by blank lines."""
        return "\n\n".join(self.passages)


@dataclass(frozen=True)
class Drawing:
    """A heatmap: its numbers, texts and scale, and how many texts it should have had."""

    scores: FloatArray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_mark: str
    column_mark: str
    scale: figures.Scale
    n_columns: int


@cache
def examples() -> tuple[Example, ...]:
    """Return the ready examples, the model card's own first."""
    raw = json.loads((ASSETS / "examples.json").read_text("utf-8"))
    return tuple(
        Example(
            id=item["id"],
            title={language: item["title"][language.value] for language in Language},
            note={language: item["note"][language.value] for language in Language},
            queries=tuple(item["queries"]),
            passages=tuple(item["passages"]),
        )
        for item in raw
    )


def open_table(path: Path, limits: Limits) -> Table:
    """Read an uploaded file.

    Raises:
        InputError: If it cannot be read; the message says why.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("file_missing", name=path.name, reason=error.strerror or str(error)) from error
    return inputs.read_table(content, path.name, limits)


def read_form(form: Form, limits: Limits) -> tuple[Parsed, Parsed]:
    """Return the queries and passages of a form, not yet checked against the limits.

    Raises:
        InputError: If the file cannot be read.
    """
    queries = inputs.parse_text(form.queries, Layout.LINES)
    if form.file is None:
        return queries, inputs.parse_text(form.passages, form.layout)
    table = open_table(form.file, limits)
    passages = table.texts(form.column)
    told = Notice("notice_encoding", {"name": table.name, "encoding": table.encoding})
    return queries, replace(passages, notices=(told, *passages.notices))


def count_line(form: Form, limits: Limits, language: Language) -> str:
    """Return how much was read, before anything is computed."""
    queries, passages = read_form(form, limits)
    chars = sum(map(len, (*queries.texts, *passages.texts)))
    return t("read_count", language, queries=len(queries.texts), passages=len(passages.texts), chars=chars)


def run(form: Form, encoder: Encoder, limits: Limits, *, on_progress: OnProgress | None = None) -> Outcome:
    """Rank what the visitor filled in.

    Raises:
        InputError: If something is missing, broken or beyond a limit.
    """
    queries, passages = read_form(form, limits)
    notices = inputs.check(queries, passages, limits)
    start = perf_counter()
    comparison = compare(queries.texts, passages.texts, encoder, on_progress=on_progress)
    milliseconds = (perf_counter() - start) * 1_000
    notices += _run_notices(comparison, encoder)
    drawn = best_passages(comparison.scores, MOST_DRAWN - len(queries.texts))
    return Outcome(
        comparison=_without_vectors(comparison),
        pairs=_pairs(comparison, drawn),
        pair_passages=drawn,
        info=encoder.info,
        notices=tuple(notices),
        n_computed=_n_computed(comparison),
        milliseconds=milliseconds,
    )


def drawing(outcome: Outcome, view: HeatmapView, scale: ScaleChoice) -> Drawing:
    """Return what the heatmap shows: at most `MOST_DRAWN` columns, those with the best scores."""
    comparison = outcome.comparison
    if view is HeatmapView.PAIRS:
        texts = (*comparison.queries, *(comparison.passages[place] for place in outcome.pair_passages))
        n_texts = len(comparison.queries) + len(comparison.passages)
        return Drawing(outcome.pairs, texts, texts, "#", "#", _scale(outcome.pairs, scale), n_texts)
    best = list(best_passages(comparison.scores, MOST_DRAWN))
    scores = comparison.scores[:, best]
    columns = tuple(comparison.passages[place] for place in best)
    return Drawing(scores, comparison.queries, columns, "Q", "P", _scale(scores, scale), len(comparison.passages))


def best_passages(scores: FloatArray, most: int) -> tuple[int, ...]:
    """Return, in their own order, the positions of the passages with the best score under any query."""
    order = np.argsort(-scores.max(axis=0), kind="stable")[:most]
    return tuple(int(place) for place in np.sort(order))


def model_line(state: ModelState, language: Language) -> str:
    """Return how far a model is, in words."""
    if state.phase is Phase.FAILED and state.error is not None:
        return state.error.text(language)
    if state.phase is Phase.DOWNLOADING:
        if not state.total:
            return t("model_downloading_start", language, id=state.id)
        return t("model_downloading", language, id=state.id, done=state.done / 1e6, total=state.total / 1e6)
    if state.phase is Phase.ABSENT:
        spec = CATALOG.get(state.id)
        if spec is None or spec.hub_id is None:
            return t("model_absent_plain", language, id=state.id)
        return t("model_absent", language, id=state.id, mb=spec.download_mb)
    return t(f"model_{state.phase.value}", language, id=state.id)


def is_embedded(outcome: Outcome) -> bool:
    """Return whether the embedded model computed an outcome."""
    return outcome.info.id == EMBEDDED_MODEL


def _run_notices(comparison: Comparison, encoder: Encoder) -> list[Notice]:
    notices = []
    n_cut = int(comparison.query_encoded.truncated.sum() + comparison.passage_encoded.truncated.sum())
    if n_cut:
        notices.append(Notice("notice_truncated", {"n": n_cut, "limit": encoder.info.max_tokens}))
    texts: Sequence[str] = (*comparison.queries, *comparison.passages)
    n_typed = sum(typed_prompt(text, encoder.info.prompts) is not None for text in texts)
    if n_typed:
        notices.append(Notice("notice_prefix_typed", {"n": n_typed}))
    return notices


def _n_computed(comparison: Comparison) -> int:
    parts = (comparison.query_encoded, comparison.passage_encoded)
    return sum(len(part.n_tokens) if part.n_computed is None else part.n_computed for part in parts)


def _without_vectors(comparison: Comparison) -> Comparison:
    return replace(
        comparison,
        query_encoded=comparison.query_encoded.without_vectors(),
        passage_encoded=comparison.passage_encoded.without_vectors(),
    )


def _pairs(comparison: Comparison, drawn: Sequence[int]) -> FloatArray:
    passages = comparison.passage_encoded.vectors[list(drawn)]
    vectors = np.concatenate([comparison.query_encoded.vectors, passages])
    return cosines(vectors, vectors)


def _scale(scores: FloatArray, choice: ScaleChoice) -> figures.Scale:
    return figures.FIXED_SCALE if choice is ScaleChoice.FIXED else figures.stretched_scale(scores)

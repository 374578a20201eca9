"""What the page does, as plain functions on records. No gradio."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from koe5_demo import explain, figures, inputs, share
from koe5_demo.agreement import agreement, lexical_scores
from koe5_demo.catalog import ASSETS, CATALOG
from koe5_demo.encoding.host import ModelState, Phase
from koe5_demo.errors import InputError
from koe5_demo.inputs import Layout, Parsed, Table
from koe5_demo.map2d import LEAST_TEXTS, TextMap, text_map
from koe5_demo.prompts import typed_prompt
from koe5_demo.ranking import Comparison, compare, cosines
from koe5_demo.records import Encoder, FloatArray, Notice, OnProgress, Role, TokenEncoder
from koe5_demo.settings import Limits
from koe5_demo.ui.state import MOST_DRAWN, HeatmapView, Options, Outcome, Pick, Rival, ScaleChoice
from koe5_demo.windows import Window, WindowedComparison, compare_windows, window_text
from koe5_demo.words import Language, message

BM25: Final = "bm25"
MOST_SEARCHED_CUTS: Final = 20
MOST_METERED_CHARS: Final = 200_000


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
    """A ready example; see assets/examples.json.

    Attributes:
        rival: What it is compared with; empty leaves the visitor's choice alone.
    """

    id: str
    title: dict[Language, str]
    note: dict[Language, str]
    queries: tuple[str, ...]
    passages: tuple[str, ...]
    rival: str = ""

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
    """A heatmap: its numbers, texts, what they are, its scale, and how many columns it should have had."""

    scores: FloatArray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_picks: tuple[Pick, ...]
    column_picks: tuple[Pick, ...]
    scale: figures.Scale
    n_columns: int


@dataclass(frozen=True)
class BestWindow:
    """A passage's best window: its number from 1, of how many."""

    n: int
    of: int
    window: Window

    @property
    def span(self) -> tuple[int, int]:
        """Return the characters of the passage, half open."""
        return self.window.start, self.window.end


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
            rival=item.get("rival", ""),
        )
        for item in raw
    )


def rank_first_example(encoder: Encoder) -> None:
    """Rank the model card's example, so that whoever comes first finds it computed."""
    first = examples()[0]
    compare(first.queries, first.passages, encoder)


def example_note(queries: str, passages: str, language: Language) -> str:
    """Return what an example shows while the boxes hold it unchanged, else nothing."""
    held = (queries.strip(), passages.strip())
    found = (example for example in examples() if (example.text_of_queries, example.text_of_passages) == held)
    return next((example.note[language] for example in found), "")


def open_table(path: Path, limits: Limits) -> Table:
    """Read an uploaded file.

    Raises:
        InputError: If it cannot be read; the message says why.
    """
    return inputs.read_file(path, limits)


def read_form(form: Form, limits: Limits) -> tuple[Parsed, Parsed]:
    """Return the queries and passages of a form, not yet checked against the limits.

    Raises:
        InputError: If the file cannot be read.
    """
    queries = inputs.parse_text(form.queries, Layout.LINES)
    if form.file is None:
        passages = inputs.parse_text(form.passages, form.layout)
        return queries, replace(passages, notices=(*_lines_in_one(passages, form.layout), *passages.notices))
    table = open_table(form.file, limits)
    passages = table.texts(form.column, limits)
    told = (Notice("notice_encoding", {"name": table.name, "encoding": table.encoding}),) if table.encoding else ()
    return queries, replace(passages, notices=(*told, *passages.notices))


def _lines_in_one(passages: Parsed, layout: Layout) -> tuple[Notice, ...]:
    """Tell a visitor who may have meant a passage a line that all lines became one passage."""
    n_lines = sum(bool(line.strip()) for line in passages.texts[0].split("\n")) if len(passages.texts) == 1 else 0
    return (Notice("notice_lines_in_one", {"n": n_lines}),) if layout is Layout.BLOCKS and n_lines > 1 else ()


def count_line(form: Form, limits: Limits, encoder: Encoder | None, language: Language) -> list[str]:
    """Return how much was read and how much of it the model will see, before anything is computed.

    Args:
        form: What is filled in.
        limits: Of this page.
        encoder: Counts the tokens; None where no model is ready. Very much text is not counted while it is typed.
        language: Of the visitor.
    """
    queries, passages = read_form(form, limits)
    chars = sum(map(len, (*queries.texts, *passages.texts)))
    lines = [message("read_count", language, queries=len(queries.texts), passages=len(passages.texts), chars=chars)]
    if form.file is None:
        lines += [notice.text(language) for notice in _lines_in_one(passages, form.layout)]
    if encoder is None or not passages.texts or chars > MOST_METERED_CHARS:
        return lines
    counts = encoder.count_tokens(passages.texts, Role.PASSAGE)
    longest, limit = int(counts.max()), encoder.info.max_tokens
    n_cut = int((counts > limit).sum())
    key = "token_meter_cut" if n_cut else "token_meter"
    lines.append(message(key, language, longest=longest, limit=limit, n=n_cut))
    return lines


def run(
    form: Form,
    encoder: Encoder,
    limits: Limits,
    *,
    model: str = "",
    options: Options | None = None,
    rival: Encoder | None = None,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Rank what the visitor filled in.

    Args:
        form: What is filled in.
        encoder: The model.
        limits: Of this page.
        model: The name that the model was asked for by.
        options: What is switched on beside.
        rival: The encoder that `options.rival` names; None for BM25 or none.
        on_progress: Called while the passages are encoded.

    Raises:
        InputError: If something is missing, broken or beyond a limit.
    """
    chosen = options or Options()
    queries, passages = read_form(form, limits)
    notices = inputs.check(queries, passages, limits)
    start = perf_counter()
    compared = compare(queries.texts, passages.texts, encoder, on_progress=on_progress)
    windowed = compare_windows(queries.texts, passages.texts, encoder) if chosen.windows else None
    milliseconds = (perf_counter() - start) * 1_000
    comparison = replace(compared if windowed is None else windowed.comparison, places=passages.places)
    drawn = best_passages(comparison.scores, MOST_DRAWN - len(queries.texts))
    pairs, points = _drawn(compared, drawn)
    if windowed is not None:  # every view of a query and a passage shows the one score that is explained
        n_queries, scores = len(queries.texts), comparison.scores[:, list(drawn)]
        pairs[:n_queries, n_queries:], pairs[n_queries:, :n_queries] = scores, scores.T
    return Outcome(
        model=model or encoder.info.id,
        comparison=_without_vectors(comparison),
        pairs=pairs,
        pair_passages=drawn,
        info=encoder.info,
        notices=(*notices, *_run_notices(comparison, windowed, encoder)),
        n_computed=_n_computed(compared),
        milliseconds=milliseconds,
        seen_chars=seen_chars(comparison, encoder),
        windowed=windowed,
        bare=agreement(comparison.scores, _bare_scores(comparison, encoder)) if chosen.bare else None,
        rival=_rival(comparison, chosen.rival, rival),
        text_map=points,
    )


def seen_chars(comparison: Comparison, encoder: Encoder) -> dict[Pick, int]:
    """Return how many characters the model read of each cut text, for the first 20 of them.

    Found by halving: the longest beginning whose tokens fit the limit.
    """
    cut = [Pick(Role.QUERY, int(n)) for n in np.flatnonzero(comparison.query_encoded.truncated)]
    cut += [Pick(Role.PASSAGE, int(n)) for n in np.flatnonzero(comparison.passage_encoded.truncated)]
    texts = {Role.QUERY: comparison.queries, Role.PASSAGE: comparison.passages}
    return {pick: _seen(texts[pick.role][pick.index], pick.role, encoder) for pick in cut[:MOST_SEARCHED_CUTS]}


def explain_pair(outcome: Outcome, left: Pick, right: Pick, encoder: Encoder) -> explain.Explanation:
    """Return why two texts of an outcome have their score.

    Raises:
        InputError: If the model's vectors cannot be taken apart.
    """
    if not isinstance(encoder, TokenEncoder):
        raise InputError("explain_unsupported", name=encoder.info.id)
    sides = ((left, right), (right, left))
    return explain.explain_pair(
        *(encoder.encode_tokens(_scored_text(outcome, pick, other, encoder), pick.role) for pick, other in sides)
    )


def best_window(outcome: Outcome, pick: Pick, other: Pick) -> BestWindow | None:
    """Return the window that gave a passage its score with a query.

    None for every other pair, and for a passage that is one window.
    """
    if outcome.windowed is None or (pick.role, other.role) != (Role.PASSAGE, Role.QUERY):
        return None
    own = [window for window in outcome.windowed.windows if window.passage == pick.index]
    best = outcome.windowed.best_window(other.index, pick.index)
    return None if len(own) == 1 else BestWindow(own.index(best) + 1, len(own), best)


def shared_state(form: Form, limits: Limits, model: str, options: Options) -> share.SharedState:
    """Return what a link or state file keeps of a form; passages from a file become part of it."""
    queries, passages = read_form(form, limits)
    # A blank line within a passage would part it in two when it is put back into the text box.
    whole = tuple(inputs.BLANK_BLOCK.sub("\n", passage) for passage in passages.texts)
    values: dict[str, share.OptionValue] = {"windows": options.windows, "bare": options.bare, "rival": options.rival}
    name = model if model in CATALOG else ""
    return share.SharedState(queries.texts, whole, Layout.BLOCKS, name, values)


def options_of(state: share.SharedState) -> Options:
    """Return the options that a shared state holds; unknown ones are ignored."""
    values = state.options
    rival = str(values.get("rival", ""))
    return Options(
        windows=values.get("windows") is True,
        bare=values.get("bare") is True,
        rival=rival if rival in (*CATALOG, BM25) else "",
    )


def drawing(outcome: Outcome, view: HeatmapView, scale: ScaleChoice) -> Drawing:
    """Return what the heatmap shows: at most `MOST_DRAWN` columns, those with the best scores."""
    comparison = outcome.comparison
    queries = tuple(Pick(Role.QUERY, n) for n in range(len(comparison.queries)))
    if view is HeatmapView.PAIRS:
        picks = (*queries, *(Pick(Role.PASSAGE, place) for place in outcome.pair_passages))
        texts = tuple(outcome.text(pick) for pick in picks)
        n_texts = len(comparison.queries) + len(comparison.passages)
        return Drawing(outcome.pairs, texts, texts, picks, picks, _scale(outcome.pairs, scale), n_texts)
    best = best_passages(comparison.scores, MOST_DRAWN)
    scores = comparison.scores[:, list(best)]
    picks = tuple(Pick(Role.PASSAGE, place) for place in best)
    columns = tuple(outcome.text(pick) for pick in picks)
    n_passages = len(comparison.passages)
    return Drawing(scores, comparison.queries, columns, queries, picks, _scale(scores, scale), n_passages)


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
            return message("model_downloading_start", language, id=state.id)
        return message("model_downloading", language, id=state.id, done=state.done / 1e6, total=state.total / 1e6)
    if state.phase is Phase.ABSENT:
        spec = CATALOG.get(state.id)
        if spec is None or spec.hub_id is None:
            return message("model_absent_plain", language, id=state.id)
        return message("model_absent", language, id=state.id, mb=spec.download_mb)
    return message(f"model_{state.phase.value}", language, id=state.id)


def _run_notices(comparison: Comparison, windowed: WindowedComparison | None, encoder: Encoder) -> list[Notice]:
    notices = []
    n_cut = int(comparison.query_encoded.truncated.sum() + comparison.passage_encoded.truncated.sum())
    if n_cut:
        notices.append(Notice("notice_truncated", {"n": n_cut, "limit": encoder.info.max_tokens}))
    if windowed is not None and len(windowed.windows) > len(comparison.passages):
        notices.append(windowed.notice())
    texts: Sequence[str] = (*comparison.queries, *comparison.passages)
    n_typed = sum(typed_prompt(text, encoder.info.prompts) is not None for text in texts)
    if n_typed:
        notices.append(Notice("notice_prefix_typed", {"n": n_typed}))
    return notices


def _scored_text(outcome: Outcome, pick: Pick, other: Pick, encoder: Encoder) -> str:
    """Return the text whose vector gave the score of a pair: a passage's best window where windows were asked for."""
    text, found = outcome.text(pick), best_window(outcome, pick, other)
    return text if found is None else window_text(text, found.window, encoder)


def _bare_scores(comparison: Comparison, encoder: Encoder) -> FloatArray:
    queries = encoder.encode(comparison.queries, Role.NONE).vectors
    return cosines(queries, encoder.encode(comparison.passages, Role.NONE).vectors)


def _rival(comparison: Comparison, name: str, encoder: Encoder | None) -> Rival | None:
    if name == BM25:
        scores = lexical_scores(comparison.queries, comparison.passages)
        return Rival(name, None, agreement(comparison.scores, scores))
    if encoder is None:
        return None
    other = compare(comparison.queries, comparison.passages, encoder)
    return Rival(name, encoder.info, agreement(comparison.scores, other.scores))


def _seen(text: str, role: Role, encoder: Encoder) -> int:
    """Return the length of the longest beginning that fits, without the typed prompt's share."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = int(encoder.count_tokens([text[:middle]], role)[0]) <= encoder.info.max_tokens
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _n_computed(comparison: Comparison) -> int:
    parts = (comparison.query_encoded, comparison.passage_encoded)
    return sum(len(part.n_tokens) if part.n_computed is None else part.n_computed for part in parts)


def _without_vectors(comparison: Comparison) -> Comparison:
    return replace(
        comparison,
        query_encoded=comparison.query_encoded.without_vectors(),
        passage_encoded=comparison.passage_encoded.without_vectors(),
    )


def _drawn(comparison: Comparison, passages: Sequence[int]) -> tuple[FloatArray, TextMap | None]:
    """Return the cosines and the map of all queries and the chosen passages."""
    chosen = comparison.passage_encoded.vectors[list(passages)]
    vectors = np.concatenate([comparison.query_encoded.vectors, chosen])
    return cosines(vectors, vectors), text_map(vectors) if len(vectors) >= LEAST_TEXTS else None


def _scale(scores: FloatArray, choice: ScaleChoice) -> figures.Scale:
    return figures.FIXED_SCALE if choice is ScaleChoice.FIXED else figures.stretched_scale(scores)
